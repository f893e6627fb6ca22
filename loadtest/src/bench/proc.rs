//! What the kernel tells of the product's processes.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// A process of the product.
#[derive(Debug, Clone)]
pub struct Process {
    /// `api-1`, `worker-2`, …
    pub name: String,
    proc: PathBuf,
}

/// The running processes whose pid files begin with this name.
pub fn find(pid_dir: &Path, role: &str) -> Result<Vec<Process>> {
    let entries = std::fs::read_dir(pid_dir).with_context(|| format!("{} cannot be read", pid_dir.display()))?;
    let mut found: Vec<Process> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let pid: u32 = std::fs::read_to_string(entry.path()).ok()?.trim().parse().ok()?;
            Some(Process { name, proc: format!("/proc/{pid}").into() })
        })
        .filter(|process| process.name.starts_with(role) && process.proc.join("status").exists())
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!found.is_empty(), "no {role} runs, by the pid files in {}", pid_dir.display());
    Ok(found)
}

impl Process {
    /// What is resident now, in bytes.
    pub fn resident(&self) -> Result<u64> {
        self.field("VmRSS")
    }

    /// The most that was resident since [`Self::forget_peak`], in bytes.
    pub fn peak(&self) -> Result<u64> {
        self.field("VmHWM")
    }

    /// Lets the peak begin anew from what is resident now.
    pub fn forget_peak(&self) -> Result<()> {
        let file = self.proc.join("clear_refs");
        std::fs::write(&file, "5").with_context(|| format!("{} cannot be written: is it your process?", file.display()))
    }

    fn field(&self, field: &str) -> Result<u64> {
        let file = self.proc.join("status");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} has ended", self.name))?;
        kilobytes(&text, field).with_context(|| format!("{} has no {field}", file.display()))
    }
}

/// A field of `/proc/*/status` or `/proc/meminfo`, in bytes.
pub fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_in_bytes() {
        let text = "Name:\tapi\nVmHWM:\t   12345 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(kilobytes(text, "VmRSS"), Some(2048 * 1024));
        assert_eq!(kilobytes(text, "VmHWM"), Some(12345 * 1024));
        assert_eq!(kilobytes(text, "Vm"), None);
    }

    #[test]
    fn a_process_finds_itself() {
        let folder = std::env::temp_dir().join(format!("loadtest-pids-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("api-1"), format!("{}\n", std::process::id())).unwrap();
        std::fs::write(folder.join("api-2"), "not a pid").unwrap();
        let found = find(&folder, "api").unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].peak().unwrap() >= found[0].resident().unwrap() / 2);
        assert!(find(&folder, "worker").is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
