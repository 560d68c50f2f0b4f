"""Documents from every kind of source, as streams, and what bad files get."""

from __future__ import annotations

import bz2
import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from veracity.core.errors import ConfigError, DataError
from veracity.knowledge import open_source
from veracity.knowledge.sources.factscore import SEPARATOR, plain_sentences
from veracity.world.tiny import tiny_world

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo><sitename>Made</sitename></siteinfo>
  <page><title>Ada Vell</title><ns>0</ns><id>1</id>
    <revision><id>7</id><text bytes="9">'''Ada Vell''' was born in [[Morn]].</text></revision></page>
  <page><title>A. Vell</title><ns>0</ns><id>2</id><redirect title="Ada Vell" />
    <revision><text>#REDIRECT [[Ada Vell]]</text></revision></page>
  <page><title>Talk:Ada Vell</title><ns>1</ns><id>3</id><revision><text>Chat.</text></revision></page>
  <page><title>Morn &amp; Tash</title><ns>0</ns><id>4</id><revision><text>A town.</text></revision></page>
  <page><title>Nothing</title><ns>0</ns><id>5</id><revision><text bytes="0" /></revision></page>
</mediawiki>
"""
IN_DUMP = [("Ada Vell", "Ada Vell was born in Morn."), ("Morn & Tash", "A town."), ("Nothing", "")]
ROWS = [("One", "First text."), ("Two", "Second text.")]


def read(path: Path | str) -> list[tuple[str, str]]:
    return [(document.title, document.text) for document in open_source(str(path)).documents()]


def lines(rows: list[tuple[str, str]]) -> bytes:
    return "".join(json.dumps({"title": t, "text": x, "id": 0}) + "\n" for t, x in rows).encode()


def sqlite(path: Path, rows: list[tuple[object, object]], create: str = "documents (title PRIMARY KEY, text)") -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {create}")
        connection.executemany(f"INSERT INTO {create.split()[0]} VALUES (?, ?)", rows)
    connection.close()
    return path


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".bz2", bz2.compress), (".gz", gzip.compress)])
def test_a_dump_and_lines_are_read_packed_or_not(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    dump, rows = tmp_path / f"pages.xml{ending}", tmp_path / f"rows.jsonl{ending}"
    dump.write_bytes(pack(DUMP.encode()))
    rows.write_bytes(pack(lines(ROWS) + b"\n"))
    assert read(dump) == IN_DUMP
    assert read(f"wikipedia:{dump}") == IN_DUMP
    assert read(rows) == ROWS


def test_a_dump_of_several_bz2_streams(tmp_path: Path) -> None:
    """The published multistream dumps are many bz2 files in one."""
    path, cut = tmp_path / "pages.xml.bz2", DUMP.index("<page><title>A. Vell")
    path.write_bytes(bz2.compress(DUMP[:cut].encode()) + bz2.compress(DUMP[cut:].encode()))
    assert read(path) == IN_DUMP


def test_a_dump_is_a_stream(tmp_path: Path) -> None:
    """The first page comes before the rest is looked at: here, the rest is torn."""
    path = tmp_path / "pages.xml"
    page = "<page><title>P{}</title><ns>0</ns><revision><text>" + "Words. " * 5000 + "</text></revision></page>"
    path.write_text("<mediawiki>" + "".join(page.format(i) for i in range(40)) + "<page><title>P")
    documents = open_source(str(path)).documents()
    assert next(documents).title == "P0"
    with pytest.raises(DataError, match="is no XML after page 40"):
        list(documents)


def test_a_folder_of_texts(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name, text in {"B.txt": "b", "inner/A.md": "a", "c.pdf": "no", ".hidden/D.txt": "no"}.items():
        (tmp_path / name).write_text(text)
    assert read(tmp_path) == [("B", "b"), ("A", "a")]


def test_factscore_pieces_are_joined_and_sentences_become_lines(tmp_path: Path) -> None:
    """The separator may stand inside a sentence or a word; both are whole again."""
    marked = f"<s>Ada was born in Mo{SEPARATOR}rn.</s><s> She wrote{SEPARATOR} books.</s>"
    path = sqlite(tmp_path / "wiki.db", [("Ada", marked), ("Plain", "Two. Sentences.\nA line.")])
    assert read(path) == [("Ada", "Ada was born in Morn.\nShe wrote books."), ("Plain", "Two. Sentences.\nA line.")]
    assert plain_sentences("") == ""


def test_the_world_gives_an_article_an_entity(tmp_path: Path) -> None:
    world = tiny_world()
    found = read("world")
    assert len(found) == len(world.entities) == 1650
    assert found[0] == (world.entities[0].name, world.article(world.entities[0].name).text)
    world.save(tmp_path / "saved")
    assert open_source(f"world:{tmp_path / 'saved'}").identity() == open_source("world").identity()


def test_identity_follows_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_bytes(lines(ROWS))
    two.write_bytes(lines(ROWS))
    assert open_source(str(one)).identity() == open_source(str(two)).identity()
    two.write_bytes(lines(ROWS[::-1]))
    assert open_source(str(one)).identity() != open_source(str(two)).identity()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", b'{"title": "A", "text": "B"}\nnot json\n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", b'{"title": "A"}\n', "line 1, field 'text': is missing"),
        ("a.jsonl", b'{"title": 3, "text": "B"}\n', "line 1, field 'title': is not a text"),
        ("a.jsonl", b"[1]\n", "line 1: not an object"),
        ("a.jsonl", b'{"title": "\xff"}\n', "line 1: not JSON in UTF-8"),
        ("a.jsonl.bz2", bz2.compress(lines(ROWS))[:-9], "ends in the middle of its packed data"),
        ("a.jsonl.gz", gzip.compress(lines(ROWS), mtime=0)[:-9], "ends in the middle of its packed data"),
        ("a.xml.bz2", b"<mediawiki>", "cannot be read"),
        ("a.xml", b"<html><body/></html>", "its root element is 'html'"),
        ("a.xml", b"hello", "is not a dump of MediaWiki pages"),
        ("a.xml", b"", "is not a dump of MediaWiki pages"),
        ("a.db", b"hello, not a database, but long enough to look at", "not a sound SQLite file"),
        ("a.csv", b"title,text", "no kind of corpus is known by '.csv'"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_bad_tables_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no table documents\(title, text\)"):
        read(sqlite(tmp_path / "a.db", [("x", "y")], "pages (title, text)"))
    with pytest.raises(DataError, match="no column text"):
        read(sqlite(tmp_path / "b.db", [("x", "y")], "documents (title, body)"))
    with pytest.raises(DataError, match="row 1 of the table documents"):
        read(sqlite(tmp_path / "c.db", [("x", None)]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.txt or \.md file"):
        read(tmp_path / "empty")
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.txt: not a text in UTF-8"):
        read(tmp_path / "latin")
    with pytest.raises(ConfigError, match="neither a file or folder nor a kind of corpus"):
        open_source(str(tmp_path / "missing.jsonl"))
    for kind in ("jsonl", "wikipedia", "factscore", "folder"):
        with pytest.raises(DataError, match="no such f"):
            read(f"{kind}:{tmp_path / 'missing'}")
