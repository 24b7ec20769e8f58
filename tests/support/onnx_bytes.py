"""Small ONNX graphs, written byte by byte as onnx.proto3 describes them: the package onnx is there in builds only."""


def model(nodes: bytes, name: str, inputs: bytes, outputs: bytes) -> bytes:
    """Return a model of opset 9, IR version 8."""
    ports = field(11, inputs) + field(12, outputs)
    return number(1, 8) + field(8, number(2, 9)) + field(7, nodes + field(2, name.encode()) + ports)


def node(operator: str, input_name: str, output_name: str, attributes: dict[str, list[int]]) -> bytes:
    lists = (
        field(5, field(1, name.encode()) + b"".join(number(8, each) for each in values) + number(20, 7))
        for name, values in attributes.items()
    )
    names = field(1, input_name.encode()) + field(2, output_name.encode())
    return names + field(4, operator.encode()) + b"".join(lists)


def port(name: str, shape: list[int]) -> bytes:
    sides = b"".join(field(1, number(1, side)) for side in shape)
    float32 = number(1, 1) + field(2, sides)
    return field(1, name.encode()) + field(2, field(1, float32))


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value)


def field(field_number: int, content: bytes) -> bytes:
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])
