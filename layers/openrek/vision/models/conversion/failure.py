"""The errors of every converter; no other message of a converter reaches the person who builds."""


class ConversionError(Exception):
    """A graph cannot be converted; the text is one sentence that names the operator, attribute or place."""


class UnknownOperator(ConversionError):
    """No rule for an operator: a guess would give a graph that runs and is wrong."""

    def __init__(self, dialect: str, operator: str, where: str) -> None:
        super().__init__(
            f"The {dialect} graph has the operator {operator} at {where}, which the converter doesn't know."
        )
