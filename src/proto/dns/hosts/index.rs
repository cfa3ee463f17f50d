//! A hash table of positions in a file. Each entry takes six bytes on average. The table is filled
//! in two passes over the file without other memory.

/// The number of bits of an entry that are a position. The other bits are a part of the hash.
const POSITION_BITS: u32 = 26;

/// The size of the largest file that can be indexed.
pub(super) const MAX_BYTES: usize = 1 << POSITION_BITS;

const TAG: u32 = (1 << (u32::BITS - POSITION_BITS)) - 1;

/// The average number of entries in a bucket.
const BUCKET: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// The entries of all buckets. Within a bucket they are in the order of the file.
    entries: Box<[u32]>,
    /// The index of the first entry of each bucket, and two end marks.
    begins: Box<[u32]>,
}

/// A builder for an index. Call `count` for each entry, then `allocate`, then `place` for each
/// entry again.
pub(super) struct Builder {
    entries: Vec<u32>,
    begins: Vec<u32>,
}

impl Builder {
    /// Creates a builder for about `entries` entries.
    pub(super) fn new(entries: usize) -> Builder {
        let buckets = if entries == 0 { 0 } else { entries.div_ceil(BUCKET) };
        Builder { entries: Vec::new(), begins: vec![0; buckets + 2] }
    }

    pub(super) fn count(&mut self, hash: u32) {
        // Counted two buckets further: `place` advances the beginning of a bucket until it is the
        // beginning of the next one.
        let bucket = bucket(hash, self.begins.len());
        self.begins[bucket + 2] += 1;
    }

    pub(super) fn allocate(&mut self) {
        let mut sum = 0;
        for begin in &mut self.begins {
            sum += *begin;
            *begin = sum;
        }
        self.entries = vec![0; sum as usize];
    }

    pub(super) fn place(&mut self, hash: u32, position: usize) {
        let bucket = bucket(hash, self.begins.len());
        let next = &mut self.begins[bucket + 1];
        self.entries[*next as usize] = (hash & TAG) << POSITION_BITS | position as u32;
        *next += 1;
    }

    pub(super) fn finish(self) -> Index {
        Index { entries: self.entries.into(), begins: self.begins.into() }
    }
}

impl Index {
    /// The positions with the given hash, in the order of the file, and a few with another hash.
    pub(super) fn candidates(&self, hash: u32) -> impl Iterator<Item = usize> + '_ {
        let bucket = bucket(hash, self.begins.len());
        let bounds = self.begins.get(bucket..bucket + 2).unwrap_or(&[0, 0]);
        let entries = &self.entries[bounds[0] as usize..bounds[1] as usize];
        let is_tagged = move |entry: &&u32| **entry >> POSITION_BITS == hash & TAG;
        entries.iter().filter(is_tagged).map(|entry| *entry as usize % MAX_BYTES)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.entries) + size_of_val(&*self.begins)
    }
}

/// The bucket of a hash, selected by its upper bits.
fn bucket(hash: u32, begins: usize) -> usize {
    ((u64::from(hash) * begins.saturating_sub(2) as u64) >> 32) as usize
}
