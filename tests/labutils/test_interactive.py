"""What a widget carries into the page."""

import json

from bs4 import BeautifulSoup

from labutils.interactive import widget


def test_a_widget_holds_its_data_and_a_table_for_readers_without_scripts() -> None:
    data = {"text": "</script><b>", "numbers": [1, 2.5]}
    page = BeautifulSoup(widget("lesion-player", data, [("a & b", "c"), (1, "<2>")]), "html.parser")
    element = page.select_one("lesion-player.widget[data-widget]")
    assert element is not None
    script = element.select_one("script[type='application/json']")
    assert script is not None
    assert json.loads(script.string or "") == data
    assert [cell.get_text() for cell in element.select("th[scope=col]")] == ["a & b", "c"]
    assert [cell.get_text() for cell in element.select("td")] == ["1", "<2>"]
    assert page.select("b") == []
