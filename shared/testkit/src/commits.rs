//! Sees in the stream of a Postgres server where a statement that wrote something has been committed.
//!
//! In autocommit the commit lies between `CommandComplete` and `ReadyForQuery` (Postgres' "Message Flow"): the server has
//! committed when it says that it is ready and in no transaction.

use std::collections::HashSet;

/// What a piece of the stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing of interest.
    Nothing,
    /// The piece tells of at least one write that is committed.
    Commit,
}

/// The look at one connection. A statement that writes and then reads what it wrote says "SELECT" when it is done: so the
/// client's side is looked at as well, for what it runs.
#[derive(Debug, Default)]
pub struct CommitTap {
    asked: Messages,
    answered: Messages,
    /// The names of prepared statements that write.
    writing: HashSet<Vec<u8>>,
    /// Whether the statement under way is one of them.
    writes: bool,
    wrote: bool,
}

impl CommitTap {
    /// Takes the next piece from the client.
    pub fn ask(&mut self, piece: &[u8]) {
        if self.asked.is_new() {
            // The first message has no type.
            self.asked.header.push(0);
        }
        let (writing, writes) = (&mut self.writing, &mut self.writes);
        self.asked.take(piece, |kind, body| {
            let mut texts = body.split(|byte| *byte == 0);
            match (kind, texts.next(), texts.next()) {
                (b'P', Some(name), Some(query)) if is_write(query) => drop(writing.insert(name.to_owned())),
                (b'P', Some(name), _) => drop(writing.remove(name)),
                (b'B', _, Some(name)) => *writes = writing.contains(name),
                _ => {}
            }
        });
    }

    /// Takes the next piece from the server.
    pub fn answer(&mut self, piece: &[u8]) -> Seen {
        let mut seen = Seen::Nothing;
        let (writes, wrote) = (self.writes, &mut self.wrote);
        self.answered.take(piece, |kind, body| match kind {
            b'C' => *wrote |= has_written(body, writes),
            b'Z' if std::mem::take(wrote) && body == b"I" => seen = Seen::Commit,
            _ => {}
        });
        seen
    }
}

/// One side's messages, cut out of its stream.
#[derive(Debug, Default)]
struct Messages {
    /// The header of the message that is coming, as far as it has come.
    header: Vec<u8>,
    /// The start of that message's body: as much as is looked at.
    body: Vec<u8>,
    /// How much of the body is to come.
    to_come: usize,
    begun: bool,
}

/// The type, and four bytes of length.
const HEADER: usize = 5;
/// The longest statement that is looked at.
const LOOKED_AT: usize = 16 * 1024;

impl Messages {
    fn is_new(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    fn take(&mut self, mut piece: &[u8], mut message: impl FnMut(u8, &[u8])) {
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
            if self.to_come == 0 {
                message(self.header[0], &self.body);
                self.header.clear();
                self.body.clear();
            }
        }
    }
}

fn is_write(query: &[u8]) -> bool {
    let query = String::from_utf8_lossy(query);
    ["INSERT INTO", "UPDATE ", "DELETE FROM"].iter().any(|write| query.contains(write))
}

/// Whether a `CommandComplete` tells of rows written.
fn has_written(tag: &[u8], writes: bool) -> bool {
    let tag = String::from_utf8_lossy(tag);
    let tag = tag.trim_end_matches('\0');
    let verbs = ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| tag.starts_with(verb));
    (verbs || (writes && tag.starts_with("SELECT"))) && tag.rsplit(' ').next().is_some_and(|rows| rows != "0")
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
                let seen = stream.chunks(size).map(|piece| tap.answer(piece)).find(|seen| *seen == Seen::Commit);
                assert_eq!(seen.unwrap_or(Seen::Nothing), expected, "{tag} in pieces of {size}");
            }
        }
    }

    /// A statement that writes, and reads what it wrote.
    #[test]
    fn what_a_prepared_statement_writes_is_seen() {
        let prepare = |name: &str, query: &str| message(b'P', format!("{name}\0{query}\0").as_bytes());
        let run = |name: &str| message(b'B', format!("\0{name}\0").as_bytes());
        let startup = [&12_u32.to_be_bytes(), b"protocol".as_slice()].concat();
        for (name, tag, expected) in
            [("w", "SELECT 1", Seen::Commit), ("w", "SELECT 0", Seen::Nothing), ("r", "SELECT 1", Seen::Nothing)]
        {
            let asked = [
                startup.clone(),
                prepare("w", "WITH c AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM c"),
                prepare("r", "SELECT * FROM t"),
                run(name),
            ];
            for size in [1, 7, 1_000] {
                let mut tap = CommitTap::default();
                for piece in asked.concat().chunks(size) {
                    tap.ask(piece);
                }
                assert_eq!(tap.answer(&answer(tag, b"I")), expected, "{name}: {tag} in pieces of {size}");
            }
        }
    }
}
