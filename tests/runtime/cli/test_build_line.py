"""How the build of packs looks beside a server: one line that changes on a terminal, few lines elsewhere."""

import io

from openrek.runtime.cli.build_line import BuildLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO) -> str:
    line = BuildLine(stream)
    line.step("The models of text are being built.")
    line.progress("Models: 1 of 27 MB have come")
    line.progress("Models: 27 of 27 MB have come\x07" + "." * 99)
    line.step("The models of text are built.")
    return stream.getvalue()


def test_a_terminal_sees_one_line_that_changes() -> None:
    lines = drawn(Terminal()).split("\n")
    cut = "Models: 27 of 27 MB have come\\x07" + "." * 46
    assert [line.split("\r\x1b[K")[1:] for line in lines] == [
        ["The models of text are being built."],
        ["Models: 1 of 27 MB have come", cut, "The models of text are built."],
        [],
    ]


def test_a_file_gets_the_lines_that_stay() -> None:
    assert drawn(io.StringIO()) == "The models of text are being built.\nThe models of text are built.\n"
