"""Pages on 127.0.0.1 for people who do not type: review a question's portraits, look up a picture."""
