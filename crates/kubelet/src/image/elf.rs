//! The smallest possible executable file: a header, one segment, the code.

/// A processor that code can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    X86_64,
    Aarch64,
}

impl Machine {
    /// The processor this runs on.
    pub fn current() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }

    /// `e_machine` of the ELF header.
    fn number(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        }
    }
}

/// Where the file is mapped. Above the lowest address the kernel lets a process use.
const BASE: u64 = 0x40_0000;
/// Size of the ELF header.
const HEADER: u64 = 64;
/// Size of the one entry of the program header table, which follows.
const SEGMENT: u64 = 56;

/// A static 64-bit Linux executable that begins with the first byte of `code`. The file is mapped as a whole, readable
/// and executable, so that code finds constants behind itself.
pub fn executable(machine: Machine, code: &[u8]) -> Vec<u8> {
    let size = HEADER + SEGMENT + code.len() as u64;
    let mut file = Vec::with_capacity(HEADER as usize + SEGMENT as usize + code.len());

    // 64 bits, little endian, version 1, System V; padding.
    file.extend([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(2u16.to_le_bytes()); // an executable
    file.extend(machine.number().to_le_bytes());
    file.extend(1u32.to_le_bytes()); // version
    file.extend((BASE + HEADER + SEGMENT).to_le_bytes()); // entry point
    file.extend(HEADER.to_le_bytes()); // where the program header table is
    file.extend(0u64.to_le_bytes()); // no sections
    file.extend(0u32.to_le_bytes()); // flags
    file.extend((HEADER as u16).to_le_bytes());
    file.extend((SEGMENT as u16).to_le_bytes());
    file.extend(1u16.to_le_bytes()); // one segment
    file.extend([0; 6]); // no sections: size, count, names

    file.extend(1u32.to_le_bytes()); // to be loaded
    file.extend(5u32.to_le_bytes()); // readable, executable
    file.extend(0u64.to_le_bytes()); // from the file's beginning
    file.extend(BASE.to_le_bytes()); // virtual address
    file.extend(BASE.to_le_bytes()); // physical address
    file.extend(size.to_le_bytes()); // in the file
    file.extend(size.to_le_bytes()); // in memory
    file.extend(0x1_0000u64.to_le_bytes()); // alignment: the largest page size

    file.extend(code);
    file
}
