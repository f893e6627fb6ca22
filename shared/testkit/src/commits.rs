//! Sees in the stream of a Postgres server where a statement that wrote something has been committed.
//!
//! In autocommit the commit lies between `CommandComplete` and `ReadyForQuery` (Postgres' "Message Flow"): the server has
//! committed when it says that it is ready and in no transaction.

/// What a piece of the stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing of interest.
    Nothing,
    /// The piece tells of at least one write that is committed.
    Commit,
}

/// The state of the look at one connection's stream from the server.
#[derive(Debug, Default)]
pub struct CommitTap {
    /// The header of the message that is coming, as far as it has come.
    header: Vec<u8>,
    /// The start of that message's body: as much as is looked at.
    body: Vec<u8>,
    /// How much of the body is to come.
    to_come: usize,
    wrote: bool,
}

/// The type, and four bytes of length.
const HEADER: usize = 5;
/// The longest tag that is looked at.
const LOOKED_AT: usize = 64;

impl CommitTap {
    /// Takes the next piece of the stream.
    pub fn look(&mut self, mut piece: &[u8]) -> Seen {
        let mut seen = Seen::Nothing;
        while !piece.is_empty() {
            if self.header.len() < HEADER {
                let (taken, rest) = piece.split_at(piece.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(taken);
                piece = rest;
                if self.header.len() < HEADER {
                    break;
                }
                let length = u32::from_be_bytes([self.header[1], self.header[2], self.header[3], self.header[4]]);
                self.to_come = (length as usize).saturating_sub(4);
            }
            let (taken, rest) = piece.split_at(piece.len().min(self.to_come));
            let wanted = LOOKED_AT.saturating_sub(self.body.len()).min(taken.len());
            self.body.extend_from_slice(&taken[..wanted]);
            self.to_come -= taken.len();
            piece = rest;
            if self.to_come == 0 && self.message() {
                seen = Seen::Commit;
            }
        }
        seen
    }

    /// A message is complete: whether it says that a write is committed.
    fn message(&mut self) -> bool {
        let committed = match self.header[0] {
            b'C' => {
                self.wrote |= wrote(&self.body);
                false
            }
            b'Z' => std::mem::take(&mut self.wrote) && self.body == b"I",
            _ => false,
        };
        self.header.clear();
        self.body.clear();
        committed
    }
}

/// Whether a `CommandComplete` tells of rows written.
fn wrote(tag: &[u8]) -> bool {
    let tag = String::from_utf8_lossy(tag);
    let tag = tag.trim_end_matches('\0');
    let writes = ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| tag.starts_with(verb));
    writes && tag.rsplit(' ').next().is_some_and(|rows| rows != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    fn answer(tag: &str, status: &[u8]) -> Vec<u8> {
        let tag = format!("{tag}\0");
        [message(b'D', &[7; 300]), message(b'C', tag.as_bytes()), message(b'Z', status)].concat()
    }

    #[test]
    fn a_committed_write_is_seen_however_the_stream_is_cut() {
        for (tag, status, expected) in [
            ("UPDATE 1", b"I", Seen::Commit),
            ("INSERT 0 12", b"I", Seen::Commit),
            ("UPDATE 0", b"I", Seen::Nothing),
            ("INSERT 0 0", b"I", Seen::Nothing),
            ("SELECT 1", b"I", Seen::Nothing),
            // In a transaction nothing is committed yet.
            ("UPDATE 1", b"T", Seen::Nothing),
        ] {
            let stream = [answer("SELECT 3", b"I"), answer(tag, status)].concat();
            for size in [1, 2, 7, 301, stream.len()] {
                let mut tap = CommitTap::default();
                let seen = stream.chunks(size).map(|piece| tap.look(piece)).find(|seen| *seen == Seen::Commit);
                assert_eq!(seen.unwrap_or(Seen::Nothing), expected, "{tag} in pieces of {size}");
            }
        }
    }
}
