// SPDX-License-Identifier: MIT OR Apache-2.0
//! The head of the file, written twice: which format this is, how many stripes there are, the secret of its digests,
//! and in which run of the machine it was last opened.

use super::layout::{self, CELL, CELLS, CHAINS, CLASSES, HEADER, PAGES, SLOT_HEAD};

const MAGIC: [u8; 8] = *b"IMSRELSE";
/// One more with each change of what the file holds: a file of another format is put aside.
const FORMAT: u32 = 2;

/// What the head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub stripes: u32,
    pub secret: [u8; 16],
    /// The machine's boot when the store was opened last.
    pub boot: [u8; 16],
}

const LENGTH: usize = 8 + 4 + 4 + 4 + 16 + 16 + 4;

impl Header {
    /// The page to write.
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut page = [0; HEADER];
        let parts: [&[u8]; 6] = [
            &MAGIC,
            &FORMAT.to_le_bytes(),
            &geometry().to_le_bytes(),
            &self.stripes.to_le_bytes(),
            &self.secret,
            &self.boot,
        ];
        let mut at = 0;
        for part in parts {
            page[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let checksum = crc32fast::hash(&page[..at]);
        page[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// Reads a page; `None` when it is damaged, of another format, or of a build with other slot sizes.
    pub(super) fn decode(page: &[u8]) -> Option<Self> {
        let page: &[u8; LENGTH] = page.get(..LENGTH)?.try_into().ok()?;
        let number = |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        let sound = page[..8] == MAGIC
            && number(8) == FORMAT
            && number(12) == geometry()
            && number(LENGTH - 4) == crc32fast::hash(&page[..LENGTH - 4]);
        let stripes = number(16);
        (sound && stripes > 0 && layout::stripes_in(layout::file_size(stripes)) == stripes).then_some(Self {
            stripes,
            secret: page[20..36].try_into().ok()?,
            boot: page[36..52].try_into().ok()?,
        })
    }
}

/// A digest of all sizes that decide where things lie.
fn geometry() -> u32 {
    let mut digest = crc32fast::Hasher::new();
    for size in [SLOT_HEAD, CELL, CELLS, PAGES, CHAINS, layout::STRIPE] {
        digest.update(&(size as u64).to_le_bytes());
    }
    for class in CLASSES {
        digest.update(&(class.room as u64).to_le_bytes());
        digest.update(&(class.in_page as u64).to_le_bytes());
    }
    digest.finalize()
}

/// Which run of the machine this is; zeros where the kernel does not say.
pub(super) fn boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut boot = [0; 16];
    for (byte, pair) in boot.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = core::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()).unwrap_or(0);
    }
    boot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let header = Header { stripes: 3, secret: [7; 16], boot: [9; 16] };
        let page = header.encode();
        assert_eq!(Header::decode(&page), Some(header));
        for at in 0..LENGTH {
            let mut damaged = page;
            damaged[at] ^= 0x10;
            assert_eq!(Header::decode(&damaged), None, "byte {at}");
        }
        assert_eq!(Header::decode(&page[..20]), None);
    }
}
