//! The bucket's folder: what lies in it, and how many rows a file holds.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// All files at and below a folder; none where there is no folder.
pub fn below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", folder.display())),
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                files.insert(entry.path());
            }
        }
    }
    Ok(files)
}

/// Removes a folder with all that is in it, if it is there.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Whether two files hold the same.
pub async fn equal(one: &Path, other: &Path) -> Result<bool> {
    let files = (one.to_owned(), other.to_owned());
    blocking(one, move || Ok(std::fs::read(files.0)? == std::fs::read(files.1)?)).await
}

/// How many records a CSV file holds: line ends outside quotes.
pub async fn csv_rows(file: &Path) -> Result<u64> {
    let path = file.to_owned();
    blocking(file, move || count_csv(File::open(path)?)).await
}

/// How many rows the `COPY` blocks of a plain SQL dump hold.
pub async fn dump_rows(file: &Path) -> Result<u64> {
    let path = file.to_owned();
    blocking(file, move || count_dump(BufReader::with_capacity(1 << 20, File::open(path)?))).await
}

async fn blocking<T: Send + 'static>(file: &Path, read: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(read)
        .await
        .context("the reading broke off")?
        .with_context(|| format!("{} cannot be read", file.display()))
}

fn count_csv(mut input: impl Read) -> Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let (mut rows, mut in_quotes) = (0, false);
    loop {
        let length = input.read(&mut buffer)?;
        if length == 0 {
            return if in_quotes { bail!("the file ends inside quotes") } else { Ok(rows) };
        }
        for byte in &buffer[..length] {
            // A doubled quote turns it off and on again.
            in_quotes ^= *byte == b'"';
            rows += u64::from(*byte == b'\n' && !in_quotes);
        }
    }
}

fn count_dump(mut input: impl BufRead) -> Result<u64> {
    let (mut rows, mut in_copy) = (0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return if in_copy { bail!("the dump ends in the middle of a table") } else { Ok(rows) };
        }
        if in_copy {
            in_copy = line != b"\\.\n";
            rows += u64::from(in_copy);
        } else {
            in_copy = line.starts_with(b"COPY ") && line.ends_with(b"FROM stdin;\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_inside_quotes_is_no_row() {
        assert_eq!(count_csv(&b"1,a\n2,\"b\nc\"\n3,\"\"\"\"\n"[..]).unwrap(), 3);
        assert!(count_csv(&b"1,\"a\n"[..]).is_err());
        assert_eq!(count_csv(&b""[..]).unwrap(), 0);
    }

    #[test]
    fn rows_of_a_dump_are_those_between_copy_and_its_end() {
        let dump = b"SET x = 1;\nCOPY public.a (b) FROM stdin;\n1\n2\n\\.\n\nCOPY public.c (d) FROM stdin;\n\\.\n";
        assert_eq!(count_dump(&dump[..]).unwrap(), 2);
        assert!(count_dump(&b"COPY public.a (b) FROM stdin;\n1\n"[..]).is_err());
    }
}
