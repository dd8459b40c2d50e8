"""Answers about single pictures, by any model of a study: who is this, and do two pictures show one person?

    study = open_study("folder of the project")        # pipeline.answering.study
    model = study.model("dlib-head")                   # a model or a fusion: pipeline.answering.model
    faces = model.faces("who.jpg")                     # path, bytes or pixels; box, landmarks, crop of each face
    gallery = study.gallery("orl", model)              # a data set, a question of params.yaml, or a folder of pictures
    answer = gallery.identify(faces)                   # candidates with ratios and posteriors, "none of these"
    model.compare("a.jpg", "b.jpg")                    # score, likelihood ratio, words

The public package `sitter` and the commands `sitter identify PICTURE`, `compare` and `export` use the same functions. A
page that stays open keeps the study, the model and the gallery: opening them takes seconds; an answer then takes about
as long as finding and embedding the face.

For a page that goes through a question's portraits, `gallery = study.gallery("who-sat", model)` has the portraits in
`gallery.portraits`. `gallery.answers(decisions)` answers for all of them and honours a person's decisions as the stage
`identify` does. `gallery.sheets(answers)` adds captions and cautions. For a dropped picture, call
`gallery.identify(data, name="dropped.jpg")`, where `data` are the bytes of the picture, and `box=` a box around the
face that a person means. `gallery.sheets(found.answers, [one.face for one in found.faces])` and `gallery.page([found])`
show the answer. A dropped picture is not kept.
"""
