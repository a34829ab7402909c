"""The pages are built again when something that they are made of has changed."""

from pathlib import Path

import pytest

from pecapp import frontend, settings
from tests.arch import source


def test_the_fingerprint_follows_the_pages_and_the_brand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "pecapp" / "ui" / "home.py"
    page.parent.mkdir(parents=True)
    page.write_text("one")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    first = frontend.fingerprint()
    assert frontend.fingerprint() == first
    page.write_text("two")
    second = frontend.fingerprint()
    page.rename(page.with_name("house.py"))
    third = frontend.fingerprint()
    monkeypatch.setenv("PECAPP_BRAND_NAME", "Another")
    settings.load.cache_clear()
    fourth = frontend.fingerprint()
    monkeypatch.undo()
    settings.load.cache_clear()
    assert len({first, second, third, fourth}) == 4


def test_the_fingerprint_follows_every_module_that_pages_are_made_of() -> None:
    names = {module.name for module in source.modules()}
    pages = [one for one in source.modules() if one.part == "ui" and not one.name.startswith("pecapp.ui.states")]
    taken = {name for page in pages for _, name in source.own_imports(page.tree)}
    made_of = {name if name in names else name.rpartition(".")[0] for name in taken}
    followed_by_value = {"pecapp.settings"}
    files = {f"{name.replace('.', '/')}.py" for name in made_of - followed_by_value - {"pecapp.ui"}}
    assert "pecapp/services/views.py" in files
    assert [file for file in sorted(files) if not (frontend.ROOT / file).is_file()] == []
    assert [file for file in sorted(files) if not file.startswith(frontend.PAGE_SOURCES)] == []
