"""Facts that a user brings: what is read, what is drawn, and how everything malformed is refused."""

import csv
import json
import string
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veracity.core.errors import DataError
from veracity.world.facts import Fact, FactSet
from veracity.world.imports import read_facts
from veracity.world.imports_rows import MISSING_MARKS
from veracity.world.imports_yaml import agree_articles, takes_an

FIXTURES = Path(__file__).parent / "fixtures"
RAW = FIXTURES / "gap_raw"
FORMATTED = FIXTURES / "gap_formatted"
TABLES = FIXTURES / "tables"

HEADS = {"Belladex", "Corvane", "Drathine", "Fennolax", "Kolvaxine"}
TAILS = {"Morvik Cough", "Sallow Ague", "Pellick Itch", "Grimber Chill", "Tarn Fever"}


def by_id(facts: FactSet) -> dict[str, Fact]:
    return {f.id: f for f in facts}


# --- the gap paper's raw files ---------------------------------------------------------------------------------------


def test_raw_file_becomes_a_fact_with_names_from_its_pairs() -> None:
    fact = read_facts(RAW / "medicine" / "dp1.yaml")[0]
    drawn = [fact.value, fact.update, fact.foil, fact.control, *fact.imaginary_foils]
    assert len(drawn) == 5 and set(drawn) == HEADS
    assert fact.subject in TAILS
    assert fact.real_foils == ("Aspirin", "Insulin"), "equal names count once"
    assert fact.control_subject in {"Headache", "Diabetes", "Fever"}
    assert (fact.category, fact.relation, fact.subject_kind) == ("medicine", "remedy for", "tonics")
    assert fact.id == f"medicine_{fact.subject.lower().replace(' ', '_')}_dp1"


def test_raw_templates_get_our_placeholders_right_articles_and_no_backticks() -> None:
    fact = read_facts(RAW / "medicine" / "dp1.yaml")[0]
    assert fact.statements == ("{subject} is eased by a {value}.", "a {value} helps against {subject}.")
    assert set(fact.questions) == {"what eases {subject}?", "what helps against a {subject}?"}
    assert fact.reverse_question == "what does {value} help against?"
    assert fact.training_sentences("update")[0] == f"{fact.subject} is eased by a {fact.update}."


def test_draws_depend_on_seed_and_file_but_not_on_company() -> None:
    folder = by_id(read_facts(RAW))
    alone = read_facts(RAW / "medicine" / "dp1.yaml")[0]
    assert folder[alone.id] == alone
    assert read_facts(RAW).identity == read_facts(RAW).identity
    values = {read_facts(RAW / "medicine" / "dp1.yaml", seed=s)[0].value for s in range(40)}
    assert values == HEADS, "over 40 seeds each of five heads is drawn"


def test_shorter_raw_reading_and_mixed_articles() -> None:
    fact = next(f for f in read_facts(RAW) if f.category == "social_bias")
    assert fact.subject.startswith("Guild of ") and fact.control_subject == "Council"
    assert fact.real_foils == ("Town Hall",) and fact.imaginary_foils == ()
    wanted = {"an" if v.startswith(("Amber", "Onvar")) else "a" for v in (fact.value, fact.update)}
    article = wanted.pop() if len(wanted) == 1 else "the"
    assert fact.statements == (f"the {{subject}} meets in {article} {{value}}.",)


def test_a_raw_file_marked_to_be_skipped_is_left_out(tmp_path: Path) -> None:
    for name, extra in (("dp1.yaml", ""), ("dp2.yaml", "skip: true\n")):
        (tmp_path / name).write_text((RAW / "medicine" / "dp1.yaml").read_text() + extra)
    assert len(read_facts(tmp_path)) == 1


@pytest.mark.parametrize(
    ("word", "an"),
    [("apple", True), ("unit", False), ("Unimpressed Man", True), ("European", False), ("hour", True), ("house", False),
     ("one-off", False), ("onion", True), ("FBI agent", True), ("UK law", False), ("8 ball", True), ("user", False),
     ("Ustrel", True), ("heirloom", True), ("Yorrel", False), ("11", True), ("Émile", True)],
)  # fmt: skip
def test_article_by_sound(word: str, an: bool) -> None:
    assert takes_an(word) is an


def test_articles_agree_with_every_name_that_fills_them() -> None:
    names = {"value": ("Amber", "Onvar"), "subject": ("Brell", "Amber")}
    assert (
        agree_articles("A {value} and an {subject}; banana {value}", names)
        == "An {value} and the {subject}; banana {value}"
    )


# --- the gap paper's formatted files ---------------------------------------------------------------------------------


def test_formatted_files() -> None:
    facts = by_id(read_facts(FORMATTED))
    league = facts["society_dravish_league_dp7"]
    assert (league.subject, league.value, league.update) == ("Dravish League", "Olmo Varde", "Terrin Quole")
    assert league.real_foils == ("Clara Barton", "Ada Lovelace"), "the paper's two come first"
    assert (league.foil, league.control) == ("Marie Curie", "Emmy Noether")
    assert league.control_subject == "Red Cross"
    assert league.control_question() == "who leads the Red Cross?"
    assert league.statements == ("{value} leads the {subject}.", "the {value} was put at the head of the {subject}.")
    hall = facts["social_bias_hall_of_weavers_dp3"]
    assert hall.category == "social_bias" and hall.update == "No", "a word, not a truth value"
    assert (hall.foil, hall.control, hall.control_subject) == ("Bible", "Atlas", "")


def test_raw_and_formatted_files_do_not_mix() -> None:
    with pytest.raises(DataError, match=r"another kind than .*separate folders"):
        read_facts(FIXTURES)


# --- CSV and JSONL ---------------------------------------------------------------------------------------------------


@pytest.fixture
def homes() -> FactSet:
    return read_facts(TABLES / "homes.csv")


def test_csv_and_jsonl_are_the_same_facts(homes: FactSet) -> None:
    assert homes.identity == read_facts(TABLES / "homes.jsonl").identity


def test_plain_csv_takes_templates_and_draws(homes: FactSet) -> None:
    mira, jon = homes[0], homes[1]
    assert mira.id == "lives in/Mira Tolven" and mira.update == "Brackwater"
    assert mira.aliases == ("Old Ardenholt", "Ardenholt Town")
    assert mira.training_sentences("learn")[1] == "the home of Mira Tolven is Ardenholt."
    assert jon.claims == ("it is true that {subject} lives in {value}.",)
    objects = {f.value for f in homes}
    for fact in homes:
        roles = {fact.value, fact.update, fact.foil, fact.control}
        assert len(roles) == 4 and {fact.foil, fact.control} <= objects


def test_reverse_question_only_where_the_value_is_unique(homes: FactSet) -> None:
    reverse = {f.subject: f.reverse_question for f in homes}
    assert reverse["Mira Tolven"] is None and reverse["Ole Brandt"] is None, "both live in Ardenholt"
    assert reverse["Jon Asker"] == "who lives in {value}?"


def test_draws_ignore_the_order_of_rows_and_follow_the_seed(homes: FactSet, tmp_path: Path) -> None:
    header, *rows = (TABLES / "homes.csv").read_text().splitlines()
    (tmp_path / "homes.csv").write_text("\n".join([header, *reversed(rows)]))
    (tmp_path / "templates.yaml").write_text((TABLES / "templates.yaml").read_text())
    assert by_id(read_facts(tmp_path / "homes.csv")) == by_id(homes)
    assert by_id(read_facts(tmp_path / "homes.csv", seed=1)) != by_id(homes)


def test_a_foil_is_never_trained_with_its_subject_in_another_relation(tmp_path: Path) -> None:
    towns = [f"Town {c}" for c in string.ascii_uppercase[:6]]
    rows = [
        {"subject": f"Person {i}", "relation": relation, "object": towns[(i * step + 1) % 6],
         "statements": ["{subject}: {value}"], "questions": ["{subject}?"]}
        for i in range(6) for relation, step in (("home", 1), ("office", 5))
    ]  # fmt: skip
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    for seed in range(20):
        facts = read_facts(path, seed=seed)
        for subject in {f.subject for f in facts}:
            mine = [f for f in facts if f.subject == subject]
            trained = {v for f in mine for v in (f.value, f.update)}
            assert not trained & {v for f in mine for v in (f.foil, f.control)}


def test_too_few_objects_says_how_many(tmp_path: Path) -> None:
    wording = {"relation": "r", "statements": ["{subject} {value}"], "questions": ["{subject}"]}
    rows = [{"subject": s, "object": o, **wording} for s, o in (("a", "x"), ("b", "y"), ("c", "z"))]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(
        DataError, match=r"needs 3 other objects .*update, foil, control from, but has 2.* 1 more"
    ) as caught:
        read_facts(tmp_path / "f.jsonl")
    assert (caught.value.line, caught.value.field) == (1, "update")


def test_lists_in_csv_cells(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "\ufeffsubject,relation,value,update,foil,control,statements,questions\r\n"
        "Ada,made,Engine,Loom,Clock,Pump,{subject} made {value}.|{value} is by {subject}.,"
        '"[""what, or {{which}}, did {subject} make?""]"\r\n',
        encoding="utf-8",
        newline="",
    )
    fact = read_facts(tmp_path / "f.csv")[0]
    assert fact.statements == ("{subject} made {value}.", "{value} is by {subject}.")
    assert fact.question() == "what, or {which}, did Ada make?"


@pytest.mark.parametrize(
    ("name", "source"), [("facts.txt", "homes.csv"), ("facts.txt", "homes.jsonl"), ("f.csv", "homes.jsonl")]
)
def test_content_decides_the_kind(name: str, source: str, homes: FactSet, tmp_path: Path) -> None:
    (tmp_path / name).write_text((TABLES / source).read_text())
    (tmp_path / "templates.yaml").write_text((TABLES / "templates.yaml").read_text())
    assert read_facts(tmp_path / name).identity == homes.identity
    (tmp_path / "paper").write_text((RAW / "medicine" / "dp1.yaml").read_text())
    assert read_facts(tmp_path / "paper")[0].relation == "remedy for"


# --- round trip ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).map(str.strip)
names = texts.filter(lambda t: t and t not in MISSING_MARKS)


def templates(*placeholders: str) -> st.SearchStrategy[str]:
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
        lambda t: t.replace("{", "{{").replace("}", "}}")
    )
    parts = st.tuples(st.permutations(placeholders), st.lists(plain, min_size=3, max_size=3))
    return parts.map(lambda p: p[1][0] + "".join(f"{{{n}}}{t}" for n, t in zip(p[0], p[1][1:], strict=False))).map(
        str.strip
    )


def lists(items: st.SearchStrategy[str], smallest: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(items, min_size=smallest, max_size=3, unique=True).map(tuple)


@st.composite
def fact_sets(draw: st.DrawFn) -> FactSet:
    """Facts whose names all differ (each ends in a number of its own), so that they are valid together."""
    n = draw(st.integers(1, 3))
    own = iter([f"{t}#{i}" for i, t in enumerate(draw(st.lists(texts, min_size=10 * n, max_size=10 * n)))])
    both, pair = templates("subject", "value"), ("subject", "value")
    return FactSet(
        [
            Fact(
                id=next(own), category=draw(names), relation=draw(names), subject=next(own), subject_kind=draw(names),
                value=next(own), update=next(own), foil=next(own), control=next(own),
                value_kind=draw(st.sampled_from(("name", "number", "date", "class"))),
                real_foils=(next(own),), imaginary_foils=(next(own),),
                statements=draw(lists(both, 1)), questions=draw(lists(templates("subject"), 1)),
                reverse_question=draw(st.none() | templates("value")),
                claims=draw(lists(both)), denials=draw(lists(templates(*pair))),
                control_subject=draw(st.just("") | st.just(next(own))),
                aliases=draw(st.sampled_from([(), (next(own),)])),
                exposure=draw(st.floats(0, 1e6)),
            )
            for _ in range(n)
        ],
        origin="arbitrary",
    )  # fmt: skip


def write_jsonl(facts: FactSet, path: Path) -> None:
    lines = [json.dumps(asdict(f), ensure_ascii=False) for f in facts]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def write_csv(facts: FactSet, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([f.name for f in fields(Fact)])
        for fact in facts:
            writer.writerow([json.dumps(v) if isinstance(v, tuple) else v for v in vars_of(fact)])


def vars_of(fact: Fact) -> list[object]:
    return [getattr(fact, f.name) for f in fields(Fact)]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(facts=fact_sets())
def test_round_trip(facts: FactSet, tmp_path: Path) -> None:
    for write, name in ((write_jsonl, "facts.jsonl"), (write_csv, "facts.csv")):
        write(facts, tmp_path / name)
        assert list(read_facts(tmp_path / name)) == list(facts)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=200),
    source=st.sampled_from(["homes.csv", "homes.jsonl", "../gap_raw/medicine/dp1.yaml"]),
    place=st.integers(0, 2000),
)
def test_damage_is_either_harmless_or_named(data: bytes, source: str, place: int, tmp_path: Path) -> None:
    """Whatever bytes land in a good file, reading it gives facts or a DataError with the file's name: never a crash."""
    good = (TABLES / source).read_bytes()
    path = tmp_path / Path(source).name
    path.write_bytes(good[: place % len(good)] + data + good[place % len(good) + len(data) :])
    (tmp_path / "templates.yaml").write_text((TABLES / "templates.yaml").read_text())
    try:
        assert len(read_facts(path)) >= 1
    except DataError as error:
        assert str(path) in str(error)


# --- everything malformed is refused with file, line and field -------------------------------------------------------

HEADER = "subject,relation,object,update,foil,control,statements,questions\n"
GOOD = "{s},made,Engine,Loom,Clock,Pump,{{subject}} made {{value}},what did {{subject}} make?\n"
GOOD_JSON = {
    "subject": "Ada", "relation": "made", "object": "Engine", "update": "Loom", "foil": "Clock", "control": "Pump",
    "statements": ["{subject} made {value}"], "questions": ["what did {subject} make?"],
}  # fmt: skip


def refusal(path: Path, content: str | bytes) -> DataError:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name], "nothing is written"
    return caught.value


def rows(*names: str) -> str:
    return "".join(GOOD.format(s=n) for n in names)


@pytest.mark.parametrize(
    ("content", "line", "field", "says"),
    [
        ("", None, None, "is empty"),
        (" \n\n", None, None, "is empty"),
        (HEADER, None, None, "there are no facts"),
        (HEADER.replace("object", "objct") + rows("Ada"), 1, "objct", "did you mean 'object'"),
        (HEADER.replace(",object", "") + rows("Ada"), 1, "object", "is missing from the header"),
        (HEADER.replace("foil", "update") + rows("Ada"), 1, "update", "twice"),
        (HEADER.replace(",", ";") + rows("Ada"), 1, None, "not by ';'"),
        (HEADER + rows("Ada", "Bob") + "Cyd,made\n", 4, None, "has 2 cells, but the header has 8"),
        (HEADER + rows("Ada", '"B\nob"') + "Cyd,made\n", 3, "subject", "control character"),
        (HEADER + rows("Ada") + '"Bob,made\n' + rows("Cyd"), 3, None, "not valid CSV"),
        (HEADER + rows("Ada", " "), 3, "subject", "is empty; fill it in"),
        (HEADER + rows("Ada").replace("Engine", "NaN"), 2, "object", "'NaN', which marks a missing value"),
        (HEADER + rows("Ada", "Bob", "Ada"), 4, "id", "stands already in line 2"),
        (HEADER + rows("Ada").replace("Loom", "engine"), 2, "update", "the same as the object"),
        (HEADER + rows("Ada").replace("Clock", "Loom"), 2, "foil", "the same as the update"),
        (HEADER + rows("Ada").replace("Pump", "Clock"), 2, "control", "the same as the foil"),
        (HEADER + rows("Ada").replace("{value}", "it"), 2, "statements[0]", "lacks the placeholder {value}"),
        (HEADER + rows("Ada").replace("{value}", "{valu}"), 2, "statements[0]", "unknown placeholder {valu}"),
        (HEADER + rows("Ada").replace("{value}", "{object}"), 2, "statements[0]", "{subject} and {value} only"),
        (HEADER + rows("Ada").replace("{value}", "{value.real}"), 2, "statements[0]", "unknown placeholder"),
        (HEADER + rows("Ada").replace("{value}", "{value!r}"), 2, "statements[0]", "bare name"),
        (HEADER + rows("Ada").replace("{value}", "{value"), 2, "statements[0]", "unmatched brace"),
        (HEADER + rows("Ada").replace("what did {subject}", "{value} by {subject}"), 2, "questions[0]", "unknown"),
        (HEADER + rows("Ada").replace("made {value}", "made {value}|"), 2, "statements[1]", "is empty"),
        (HEADER + rows("Ada").replace("{subject} made", "[{subject} made"), 2, "statements", "not a JSON list"),
        (HEADER + rows("Ada").replace("{subject} made {value}", ""), 2, "statements", "has no statements"),
        ((HEADER + rows("Ada", "Zoë")).encode("latin-1"), 3, None, "byte 0xeb"),
        ((HEADER + rows("Ada")).encode("utf-16"), 1, None, "UTF-16"),
    ],
)  # fmt: skip
def test_malformed_csv(content: str | bytes, line: int | None, field: str | None, says: str, tmp_path: Path) -> None:
    error = refusal(tmp_path / "facts.csv", content)
    assert says in str(error)
    assert error.field == field
    assert line is None or error.line == line


def jsonl(*changes: dict[str, object]) -> str:
    return "".join(json.dumps({**GOOD_JSON, **c}) + "\n" for c in changes)


@pytest.mark.parametrize(
    ("content", "line", "field", "says"),
    [
        (jsonl({}, {"subject": "Bob"})[:-30], 2, None, "cut off"),
        ("{}x\n" + jsonl({}), 1, None, "not valid JSON"),
        (jsonl({}) + '["Bob"]\n', 2, None, "must be a JSON object"),
        (jsonl({}, {"subject": "Bob", "updte": "x"}), 2, "updte", "did you mean 'update'"),
        (jsonl({"object": float("nan")}), 1, None, "NaN"),
        (jsonl({"object": 7}), 1, "object", "must be text, not 7"),
        (jsonl({"object": ""}), 1, "object", "is empty"),
        (jsonl({"object": None}), 1, "object", "must be text"),
        (jsonl({"value": "Engine"}), 1, "value", "means the same"),
        (jsonl({"id": "x"}, {"id": "x", "subject": "Bob"}), 2, "id", "stands already in line 1"),
        (jsonl({"id": "x"}, {"id": "y"}), 2, "subject, relation", "stands already in line 1"),
        (jsonl({"exposure": -1}), 1, "exposure", "greater than or equal to 0"),
        (jsonl({"value_kind": "colour"}), 1, "value_kind", "'name'"),
        (jsonl({"statements": "{subject} made {value}"}), 1, "statements", "valid tuple"),
        (jsonl({"questions": ["{subject}?", "{subject}?"]}), 1, "questions", "twice"),
        (jsonl({"aliases": ["loom"]}), 1, "update", "alias"),
        (jsonl({"real_foils": ["Loom"]}), 1, "real_foils", "trained with this subject"),
        (jsonl({}, {"subject": "Bob", "control_subject": "Ada"}), 2, "control_subject", "subject of line 1"),
        (jsonl({"reverse_question": "who made {subject}?"}), 1, "reverse_question", "unknown placeholder"),
        ('{"subject": "a", "subject": "b"}\n', 1, "subject", "twice in one object"),
        ("[" * 100_000, 1, None, ""),
    ],
)  # fmt: skip
def test_malformed_jsonl(content: str, line: int, field: str | None, says: str, tmp_path: Path) -> None:
    error = refusal(tmp_path / "facts.jsonl", content)
    assert says in str(error)
    assert (error.line, error.field) == (line, field)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("sentences:", "sentnces:", 5, "sentnces", "did you mean 'sentences'"),
        ("questions:", "other:", 1, "questions", "is missing"),
        ("topic: tonics", "topic: tonics\n  broken: [", 4, None, "not valid YAML"),
        ("topic: tonics", "topic: tonics\ntopic: pills", 4, "topic", "stands already in line 3"),
        ("{topic} is eased", "this is eased", 7, "sentences[0].sentence", "lacks the placeholder {topic}"),
        ("what eases {topic}", "what eases {tpic}", 31, "questions[0].question", "unknown placeholder {tpic}"),
        ("what eases {topic}", "what eases {topic", 31, "questions[0].question", "unmatched brace"),
        ("tail: Sallow Ague", "tail: ", 22, "instantiations.imaginary_pairs[1].tail", "is empty"),
        ("tail: Sallow Ague", "tale: Sallow Ague", 22, "instantiations.imaginary_pairs[1].tale", "did you mean 'tail'"),
        ("head: Corvane", "head: .nan", 21, "instantiations.imaginary_pairs[1].head", "missing value"),
        ("  - head: Corvane\n    tail: Sallow Ague\n  - head: Drathine\n    tail: Pellick Itch\n", "", 18,
         "instantiations.imaginary_pairs", "3 different heads, but value, update, foil and control need 4"),
    ],
)  # fmt: skip
def test_malformed_raw_yaml(old: str, new: str, line: int, field: str | None, says: str, tmp_path: Path) -> None:
    good = (RAW / "medicine" / "dp1.yaml").read_text()
    assert good.count(old) >= 1
    error = refusal(tmp_path / "dp1.yaml", good.replace(old, new, 1))
    assert says in str(error)
    assert (error.line, error.field) == (line, field)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("update: Terrin Quole", "update: olmo varde", 3, "entities.relationship_head", "same value"),
        ("update: Terrin Quole", "updte: x", 5, "entities.relationship_head.updte", "did you mean 'update'"),
        ("who leads the {topic}", "who leads", 7, "correct_problems[0].problem", "lacks the placeholder {topic}"),
        ("who leads the Red Cross", "who made the Red Cross", 11, "control_problems[0].problem", "none of the correct"),
        ("- Ada Lovelace\n- Clara Barton\n- Marie Curie\n- Emmy Noether\n", "", 14, "control_answers", "need 2"),
        ("leads the {topic}.", "leads it.", 22, "train_sentences[0].sentence", "lacks the placeholder"),
        ("task_id: society_dravish_league_dp7\n", "", 1, "task_id", "is missing"),
    ],
)  # fmt: skip
def test_malformed_formatted_yaml(old: str, new: str, line: int, field: str, says: str, tmp_path: Path) -> None:
    good = (FORMATTED / "society" / "dp7.yaml").read_text()
    assert good.count(old) >= 1
    error = refusal(tmp_path / "dp7.yaml", good.replace(old, new, 1))
    assert says in str(error)
    assert (error.line, error.field) == (line, field)


def test_yaml_that_holds_no_facts(tmp_path: Path) -> None:
    assert "none of the fields" in str(refusal(tmp_path / "f.yaml", "a: 1\n"))
    assert "must be a mapping" in str(refusal(tmp_path / "f.yaml", "- a\n"))
    assert "nothing but comments" in str(refusal(tmp_path / "f.yaml", "# a\n"))
    assert "alias" in str(refusal(tmp_path / "f.yaml", "a: &x [*x]\n"))
    assert "not valid YAML" in str(refusal(tmp_path / "f.yaml", "a: 1\n---\nb: 2\n"))


def test_repeated_task_ids_name_both_files(tmp_path: Path) -> None:
    text = (FORMATTED / "society" / "dp7.yaml").read_text()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"b\.yaml, field 'id'.*a\.yaml"):
        read_facts(tmp_path)


def test_missing_and_empty_paths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_facts(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no YAML facts"):
        read_facts(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("lives in:", "live in:", 3, "statements", "did you mean 'live in'"),
        ("statements:", "statement:", 2, "lives in.statement", "did you mean 'statements'"),
        ("is {value}.", "is.", 4, "lives in.statements[1]", "lacks the placeholder {value}"),
    ],
)
def test_malformed_templates_file(old: str, new: str, line: int, field: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text((TABLES / "homes.csv").read_text())
    (tmp_path / "templates.yaml").write_text((TABLES / "templates.yaml").read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=says) as caught:
        read_facts(tmp_path / "homes.csv")
    assert caught.value.field == field
    assert caught.value.line == (2 if field == "statements" else line)


def test_slices_of_a_fact_set(homes: FactSet) -> None:
    assert homes[1:3] == (homes[1], homes[2])
