"""The pages of the docs that are written from the types, and links that lead somewhere."""

import re
from pathlib import Path

from levtao.reference import pages

ROOT = Path(__file__).parents[1]


def test_the_reference_pages_are_those_of_the_types() -> None:
    committed = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in pages()}
    assert committed == pages(), "run `python -m levtao.reference docs` and commit what it writes"


def test_every_link_within_the_project_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_setting_has_a_description() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*)\|$", pages()["settings.md"], re.MULTILINE)
    assert len(rows) > 30
    assert [name for name, what in rows if not what.strip()] == []
