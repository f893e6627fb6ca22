//! Counts the rows in a plain SQL dump as it streams by.
//!
//! Rows stand between `COPY … FROM stdin;` and `\.`, one a line: COPY writes a line break inside a value as `\n`. A
//! line `COPY … FROM stdin;` can also stand in the body of a function; the real one follows the comment that
//! announces a table's data.

use memchr::{memchr_iter, memmem};

const ANNOUNCED: &[u8] = b"-- Data for Name: ";
const OF_A_TABLE: &[u8] = b"; Type: TABLE DATA;";
const COPY: &[u8] = b"COPY ";
const FROM_STDIN: &[u8] = b" FROM stdin;";
const END: &[u8] = b"\\.";
/// How much of a line's beginning is looked at: the announcement with a name of 63 characters fits.
const HEAD: usize = 512;

/// A count of rows, and what of the last line has been seen.
#[derive(Debug, Default)]
pub(super) struct RowCounter {
    rows: u64,
    inside: Inside,
    /// The line that the last piece of the dump did not end.
    line: Line,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    /// The comment that announces a table's data has been seen.
    Announced,
    /// A `COPY` that goes on in the next line: a column's name has a line break.
    Copy,
    Rows,
}

/// As much of an unfinished line as decides what it is.
#[derive(Debug, Default)]
struct Line {
    head: Vec<u8>,
    /// The last bytes, as many as `FROM_STDIN` has.
    tail: Vec<u8>,
    begun: bool,
}

impl RowCounter {
    /// Rows seen so far.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Looks at the next piece of the dump.
    pub(super) fn scan(&mut self, piece: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(b'\n', piece) {
            let text = &piece[start..end];
            start = end + 1;
            if self.line.begun {
                self.line.extend(text);
                let line = std::mem::take(&mut self.line);
                self.end_line(&line.head, &line.tail);
            } else {
                self.end_line(text, text);
            }
        }
        if start < piece.len() {
            self.line.extend(&piece[start..]);
        }
    }

    /// One whole line: its beginning (all of it, if it is short) and its end.
    fn end_line(&mut self, head: &[u8], tail: &[u8]) {
        let ends_copy = tail.ends_with(FROM_STDIN);
        self.inside = match self.inside {
            Inside::Rows if head == END => Inside::Text,
            Inside::Rows => {
                self.rows += 1;
                Inside::Rows
            }
            Inside::Copy if ends_copy => Inside::Rows,
            Inside::Copy => Inside::Copy,
            Inside::Announced if head.is_empty() || head == b"--" => Inside::Announced,
            Inside::Announced if head.starts_with(COPY) && ends_copy => Inside::Rows,
            Inside::Announced if head.starts_with(COPY) => Inside::Copy,
            Inside::Text | Inside::Announced => {
                let announced = head.starts_with(ANNOUNCED) && memmem::find(head, OF_A_TABLE).is_some();
                if announced { Inside::Announced } else { Inside::Text }
            }
        };
    }
}

impl Line {
    fn extend(&mut self, text: &[u8]) {
        self.begun = true;
        let room = HEAD.saturating_sub(self.head.len()).min(text.len());
        self.head.extend_from_slice(&text[..room]);
        self.tail.extend_from_slice(&text[text.len().saturating_sub(FROM_STDIN.len())..]);
        let too_long = self.tail.len().saturating_sub(FROM_STDIN.len());
        self.tail.drain(..too_long);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
--
-- PostgreSQL database dump
--

CREATE FUNCTION public.trap() RETURNS text
    LANGUAGE sql AS $$ SELECT '
COPY public.t (a) FROM stdin;
not a row
' $$;

--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.t (a, b) FROM stdin;
1\tone
2\t\\N
3\t\\\\.
\\\\.
COPY public.t (a) FROM stdin;
\\.


--
-- Data for Name: empty; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.empty (a) FROM stdin;
\\.


--
-- Data for Name: odd; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.odd (\"line
break\", b) FROM stdin;

\t
\\.


--
-- Name: t_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (a);
";

    #[test]
    fn rows_are_counted_wherever_the_stream_is_cut() {
        for cut in 0..=DUMP.len() {
            let mut counter = RowCounter::default();
            let (before, after) = DUMP.as_bytes().split_at(cut);
            counter.scan(before);
            counter.scan(after);
            assert_eq!(counter.rows(), 7, "cut at {cut}");
        }
    }

    #[test]
    fn rows_are_counted_byte_by_byte() {
        let mut counter = RowCounter::default();
        for byte in DUMP.as_bytes() {
            counter.scan(std::slice::from_ref(byte));
        }
        assert_eq!(counter.rows(), 7);
    }

    #[test]
    fn a_very_wide_table_is_no_trap() {
        let columns = vec!["a_column_with_a_rather_long_name"; 1600].join(", ");
        let dump = format!(
            "-- Data for Name: wide; Type: TABLE DATA; Schema: public; Owner: -\n--\n\nCOPY public.wide ({columns}) FROM stdin;\n{}\n\\.\n",
            "x\t".repeat(100_000)
        );
        let mut counter = RowCounter::default();
        for piece in dump.as_bytes().chunks(1000) {
            counter.scan(piece);
        }
        assert_eq!((counter.rows(), counter.inside), (1, Inside::Text));
        assert!(counter.line.head.capacity() <= 2 * HEAD);
    }
}
