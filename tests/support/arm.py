"""The search kernel's code for arm64 on this machine, in an emulator of that processor."""

from pathlib import Path
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray
from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_CPACR_EL1,
    UC_ARM64_REG_LR,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_X0,
    UC_CPU_ARM64_MAX,
)

from openrek.store.search.row_scan import Float32Matrix, Int8Matrix, RowBlock, terms_of

CODE, MEMORY, BEYOND = 0x100_0000, 0x1000_0000, 0x10_0000
SIZE = 1 << 24
REGISTERS_IN_USE = 0x300000
"""CPACR_EL1: the vector registers may be used."""


class ArmScan:
    """A Scan by the library for arm64. Memory outside the arrays' pages is not there."""

    def __init__(self, library: Path, path: int) -> None:
        self._path = path
        self._machine = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self._machine.ctl_set_cpu_model(UC_CPU_ARM64_MAX)
        self._machine.reg_write(UC_ARM64_REG_CPACR_EL1, REGISTERS_IN_USE)
        self._machine.mem_map(CODE, SIZE)
        self._machine.mem_map(MEMORY, SIZE)
        with library.open("rb") as file:
            elf = ELFFile(file)
            for segment in elf.iter_segments("PT_LOAD"):
                self._machine.mem_write(CODE + segment["p_vaddr"], segment.data())
            symbols: Any = elf.get_section_by_name(".dynsym")
            self._run = CODE + symbols.get_symbol_by_name("openrek_row_scan")[0]["st_value"]
        self._next = MEMORY

    def __call__(
        self, queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        self._next = MEMORY
        stored = block.vectors if block.sketch is None else block.sketch.nibbles
        dead = 0 if block.dead is None else self._put(block.dead)
        shape = [*stored.shape, block.vectors.shape[1]]
        fields = [self._put(stored), self._put(block.scales), dead, *shape]
        terms = terms_of(queries, block.sketch)
        times = int(np.float32(terms.times).view(np.uint32))
        addresses = [self._put(array) for array in (queries, terms.less, terms.plus)]
        asked = [*addresses, times, len(queries), scores.shape[1], maxima.shape[1]]
        structs = [self._put(np.array(values, np.uint64)) for values in (asked, fields)]
        arguments = [self._path, block.sketch is not None, *structs, group_rows]
        outputs = [self._put(scores), self._put(maxima)]
        for number, value in enumerate([*arguments, *outputs]):
            self._machine.reg_write(UC_ARM64_REG_X0 + number, value)
        self._machine.reg_write(UC_ARM64_REG_SP, MEMORY + SIZE - 64)
        self._machine.reg_write(UC_ARM64_REG_LR, BEYOND)
        self._machine.emu_start(self._run, BEYOND)
        for array, place in zip((scores, maxima), outputs, strict=True):
            read = bytes(self._machine.mem_read(place, array.nbytes))
            array[:] = np.frombuffer(read, np.float32).reshape(array.shape)

    def _put(self, array: NDArray[Any]) -> int:
        place = self._next
        self._machine.mem_write(place, array.tobytes())
        self._next = -(-(place + array.nbytes) // 64) * 64
        return place
