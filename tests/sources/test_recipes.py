"""The recipes of docs/museums.md end in our list; each is run on a few invented rows in the columns of its source."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.layout import Layout
from pipeline.params.sources import SOURCES
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.sources import manifest
from pipeline.sources.listed import ListedPortrait
from pipeline.sources.listing import read_listing
from tests.sources.pictures import picture
from tests.sources.site import Site

PAGE = (Path(__file__).resolve().parents[2] / "docs/museums.md").read_text(encoding="utf-8")
COMMONS = "http://commons.wikimedia.org/wiki/Special:FilePath/"
ENTITY = "http://www.wikidata.org/entity/"
WIKIDATA = f"""item,title,sitter_id,sitter,url,artist,year,institution,inventory
{ENTITY}Q1,Portrait of Maria Trip,{ENTITY}Q1765464,Maria Trip,{COMMONS}Maria.jpg,Rembrandt,1639,Rijksmuseum,SK-C-597
{ENTITY}Q2,"Couple, called Isaac",{ENTITY}Q10,Isaac,{COMMONS}Couple.jpg,Rembrandt,1665,Rijksmuseum,SK-C-216
{ENTITY}Q2,"Couple, called Isaac",{ENTITY}Q11,Rebecca,{COMMONS}Couple.jpg,Rembrandt,1665,Rijksmuseum,SK-C-216
{ENTITY}Q3,Portrait of a Woman,,,{COMMONS}A%20woman.jpg,Frans Hals,1635,Rijksmuseum,SK-A-1247
{ENTITY}Q3,Portrait of a Woman,,,{COMMONS}A%20woman.jpg,Judith Leyster,1635,Rijksmuseum,SK-A-1247
"""
MET = """\
Object Number,Is Highlight,Is Timeline Work,Is Public Domain,Object ID,Department,Object Name,Title,\
Artist Display Name,Object Date,Medium,Credit Line,Classification,Link Resource,Repository,Tags
29.100.1,False,False,True,436,European Paintings,Painting,Portrait of a Man,Agnolo Bronzino,1530s,Oil on wood,\
"Havemeyer, 1929",Paintings,http://x/436,"Metropolitan Museum of Art, New York, NY",Men|Portraits
29.100.2,False,False,True,437,European Paintings,Painting,Landscape,Corot,1860,Oil,Gift,Paintings,http://x/437,Met,Landscapes
29.100.3,False,False,True,438,European Paintings,Painting,A Lady,Hals,1640,Oil,Gift,Paintings,http://x/438,Met,Portraits
29.100.4,False,False,False,439,Modern Art,Painting,A Sitter,Warhol,1960,Silkscreen,Gift,Paintings,http://x/439,Met,Portraits
"""
RIJKSMUSEUM = """\
objectInventoryNumber,objectPersistentIdentifier,objectType[1],objectTitle[1],objectCreator[1],objectCreationDate[1],objectImage
SK-A-1,http://hdl.handle.net/10934/RM0001.COLLECT.1,schilderij,"Portret van Marten Soolmans (1613-1641), bruidegom",\
"Rijn, Rembrandt van",1634,http://example.org/a1=s0
SK-A-2,http://hdl.handle.net/10934/RM0001.COLLECT.2,schilderij,Portret van een vrouw,anoniem,ca. 1600,http://example.org/a2=s0
SK-A-3,http://hdl.handle.net/10934/RM0001.COLLECT.3,schilderij,Zelfportret,"Gogh, Vincent van",1887,http://example.org/a3=s0
RP-P-4,http://hdl.handle.net/10934/RM0001.COLLECT.4,prent,Portret van Erasmus,"Dürer, Albrecht",1526,http://example.org/a4=s0
SK-A-5,http://hdl.handle.net/10934/RM0001.COLLECT.5,schilderij,Portret van Saskia,"Rijn, Rembrandt van",1633,
"""
TMS = """ObjectNumber,Title,Dated,Medium,CreditLine,Role,DisplayName,FileName
1915.3,Queen Elizabeth I,1575,Oil on panel,Given 1865,Artist,Nicholas Hilliard,0001.jpg
1915.3,Queen Elizabeth I,1575,Oil on panel,Given 1865,Sitter,Elizabeth I,0001.jpg
1915.3,Queen Elizabeth I,1575,Oil on panel,Given 1865,Donor,A. Friend,0001.jpg
1920.7,A lady in black,1580,Oil on canvas,Bequest,Artist,Unknown,0002.jpg
1930.1,Two sisters,1600,Oil,Bequest,Sitter,Anne,0003.jpg
1930.1,Two sisters,1600,Oil,Bequest,Sitter,Jane,0003.jpg
"""
AXIELL = """\
object_number;title;creator;production.date.start;material;content.person.name;credit_line;reproduction.reference
B 12;Bildnis einer Dame;Therbusch, Anna Dorothea;1777;Öl auf Leinwand;Lisiewska, Anna;Ankauf 1901;bilder/b12.jpg
B 13;Bildnis eines Herrn;unbekannt;1780;Öl auf Leinwand;;Ankauf 1901;bilder/b13.jpg
"""


def code(name: str) -> str:
    """The Python of a recipe."""
    found = re.search(rf"^```python\n# {name}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def entries() -> list[dict[str, Any]]:
    """The entries of `download` on the page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [entry for block in blocks for entry in yaml.safe_load(block)["download"].values()]


def listed(folder: Path, name: str, file: str, content: str, **replaced: str) -> list[ListedPortrait]:
    """What a recipe makes of a file."""
    (folder / file).write_text(content, encoding="utf-8")
    source = code(name)
    for was, now in replaced.items():
        source = re.sub(rf'^{was} = ".*"$', f'{was} = "{now}"', source, flags=re.MULTILINE)
    with contextlib.chdir(folder):  # where a recipe reads its file and writes the list
        exec(compile(source, name, "exec"), {})
    return read_listing(folder / "portraits.csv", folder, {"path": "image"} if name == "tms" else {})


def test_every_entry_on_the_page_is_one(project: Path) -> None:
    kinds = [entry["kind"] for entry in entries()]
    assert kinds == ["manifest", "iiif", "manifest"]
    for entry in entries():
        SOURCES[entry["kind"]].model_validate(entry)


def test_wikidata(project: Path) -> None:
    query = re.search(r"^```sparql\nSELECT ([^{]*) WHERE", PAGE, re.MULTILINE)
    assert query is not None
    assert WIKIDATA.partition("\n")[0] == query[1].replace(" ?", ",").lstrip("?")
    maria, woman = listed(project, "wikidata", "query.csv", WIKIDATA)
    assert (maria.sitter, maria.known["sitter_id"], maria.known["inventory"]) == ("Maria Trip", "Q1765464", "SK-C-597")
    assert maria.url == f"{COMMONS}Maria.jpg?width=2000".replace("http:", "https:")
    assert (woman.sitter, woman.known["sitter_id"], woman.known["page"]) == ("", "", f"{ENTITY}Q3")


def test_the_met(project: Path, site: Site) -> None:
    site.files = {"/436": json.dumps({"objectID": 436, "primaryImage": f"{site.url}/a.jpg"}).encode()}
    site.files["/438"] = json.dumps({"objectID": 438, "primaryImage": ""}).encode()
    (man,) = listed(project, "met", "MetObjects.csv", MET, API=f"{site.url}/")
    assert site.paths() == ["/436", "/438"]
    assert (man.sitter, man.url, man.known["artist"]) == ("", f"{site.url}/a.jpg", "Agnolo Bronzino")
    assert man.known["credit"] == "Havemeyer, 1929"
    assert man.known["licence"] == "CC0-1.0"


def test_the_rijksmuseum(project: Path) -> None:
    marten, woman = listed(project, "rijksmuseum", "collection.csv", RIJKSMUSEUM)
    assert (marten.sitter, marten.known["artist"], marten.known["year"]) == (
        "Marten Soolmans", "Rijn, Rembrandt van", "1634",
    )  # fmt: skip
    assert (woman.sitter, woman.known["inventory"]) == ("", "SK-A-2")


def test_tms(project: Path) -> None:
    queen, lady = listed(project, "tms", "export.csv", TMS)
    assert (queen.sitter, queen.known["artist"], queen.written) == ("Elizabeth I", "Nicholas Hilliard", "0001.jpg")
    assert (lady.sitter, lady.known["artist"], lady.known["credit"]) == ("", "Unknown", "Bequest")


def test_axiell(at: Layout, project: Path) -> None:
    (project / "export.csv").write_text(AXIELL, encoding="utf-8")
    (project / "bilder").mkdir()
    for i in (12, 13):
        (project / f"bilder/b{i}.jpg").write_bytes(picture(i))
    options = ManifestOptions.model_validate(entries()[-1] | {"path": str(project / "export.csv")})
    first, second = manifest.fetch(project / "out", "portraits", options)
    assert (first.sitter, *(first.further[column] for column in ("artist", "year", "inventory", "material"))) == (
        "Lisiewska, Anna", "Therbusch, Anna Dorothea", "1777", "B 12", "Öl auf Leinwand",
    )  # fmt: skip
    assert second.sitter == ""
