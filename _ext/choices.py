"""Questions with choices, each of which unfolds to say why it is right or wrong.

    ```{choices}
    - [x] A choice.

      Why it is right.
    - [ ] Another one.

      Why it is wrong.
    ```

Neither the page nor a notebook needs a script for them.
"""

from dataclasses import dataclass
from itertools import pairwise

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

MARKS = {"- [x] ": True, "- [ ] ": False}
VERDICTS = {True: "Right.", False: "No."}


@dataclass
class Choice:
    """One choice with what unfolds, both in Markdown. ``line`` is where it starts in the directive, from 0."""

    right: bool
    text: str
    explanation: str
    line: int


def parse_choices(content: str) -> list[Choice]:
    """The choices of a directive's content.

    Raises ValueError, in one sentence, if a line belongs to no choice, a choice is not explained, or not exactly one is
    right.
    """
    starts: list[int] = []
    lines = content.split("\n")
    for number, line in enumerate(lines):
        if line[:6] in MARKS:
            starts.append(number)
        elif line.strip() and (not starts or not line.startswith("  ")):
            raise ValueError(
                f"start a choice with '- [x] ' or '- [ ] ' and indent what belongs to it, unlike {line!r}."
            )
    choices = []
    for start, end in pairwise([*starts, len(lines)]):
        first, *rest = lines[start:end]
        text, _, explanation = "\n".join([first[6:], *(line[2:] for line in rest)]).partition("\n\n")
        if not explanation.strip():
            raise ValueError(f"say below the choice {text!r}, after an empty line, why it is right or wrong.")
        choices.append(Choice(MARKS[first[:6]], text, explanation.strip("\n"), start))
    if sum(choice.right for choice in choices) != 1:
        raise ValueError("mark exactly one choice as right, with '- [x] '.")
    return choices


class ChoiceNode(nodes.Element):
    """A choice: its text, and then what unfolds."""


class ChoiceText(nodes.TextElement):
    """The text of a choice."""


class Choices(Directive):
    """The directive ``choices``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        try:
            choices = parse_choices("\n".join(self.content))
        except ValueError as error:
            raise self.error(f"choices: {error}") from error
        group = nodes.container(classes=["choices"])
        for choice in choices:
            text = ChoiceText("", "", *self.parse(choice.text, choice.line)[0].children)
            explanation = self.parse(choice.explanation, choice.line)
            explanation[0].insert(0, nodes.Text(" "))
            explanation[0].insert(0, nodes.strong("", VERDICTS[choice.right]))
            group += ChoiceNode("", text, *explanation, right=choice.right)
        return [group]

    def parse(self, markdown: str, line: int) -> list[nodes.Element]:
        """The paragraphs of ``markdown``."""
        parent = nodes.Element()
        self.state.nested_parse(StringList(markdown.split("\n")), self.content_offset + line, parent)
        return [child for child in parent.children if isinstance(child, nodes.Element)]


def visit_choice(writer: HTML5Translator, node: ChoiceNode) -> None:
    """Begin a choice."""
    writer.body.append(f'<details class="choice {"right" if node["right"] else "wrong"}">')


def depart_choice(writer: HTML5Translator, _node: ChoiceNode) -> None:
    """End a choice."""
    writer.body.append("</details>")


def visit_text(writer: HTML5Translator, _node: ChoiceText) -> None:
    """Begin a choice's text."""
    writer.body.append("<summary>")


def depart_text(writer: HTML5Translator, _node: ChoiceText) -> None:
    """End a choice's text."""
    writer.body.append("</summary>")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(ChoiceNode, html=(visit_choice, depart_choice))
    app.add_node(ChoiceText, html=(visit_text, depart_text))
    app.add_directive("choices", Choices)
    return {"parallel_read_safe": True}
