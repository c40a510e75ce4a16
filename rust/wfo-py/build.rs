//! Passes commit, compiler, profile and target to the bindings, which report them.

use std::process::Command;

/// Where the package lies in its work tree, as git writes it.
const PREFIX: &str = "rust/wfo-py/";

/// Digits of a commit.
const DIGITS: usize = 12;

fn main() {
    // `WFO_COMMIT` goes first: inside a build container git refuses a work tree of another owner.
    println!("cargo:rerun-if-env-changed=WFO_COMMIT");
    let given = std::env::var("WFO_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    let commit = given.or_else(head).unwrap_or_else(|| "unknown".into());
    let commit: String = commit.trim().chars().take(DIGITS).collect();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = output(&rustc, &["--version"]).unwrap_or_else(|| "unknown".into());
    let profile = std::env::var("PROFILE").unwrap_or_default();
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=WFO_COMMIT={commit}");
    println!("cargo:rustc-env=WFO_RUSTC={version}");
    println!("cargo:rustc-env=WFO_PROFILE={profile}");
    println!("cargo:rustc-env=WFO_TARGET={target}");
}

/// The commit of the work tree; none without one, as in a source archive. An archive that is unpacked
/// inside another repository is not part of that one: its path there differs.
fn head() -> Option<String> {
    let own = output("git", &["rev-parse", "--show-prefix"])? == PREFIX;
    let git = output("git", &["rev-parse", "--absolute-git-dir"]).filter(|_| own)?;
    println!("cargo:rerun-if-changed={git}/HEAD");
    println!("cargo:rerun-if-changed={git}/logs/HEAD");
    output("git", &["rev-parse", "HEAD"])
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let out = Command::new(program).args(arguments).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
