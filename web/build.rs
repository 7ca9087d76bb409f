//! Builds the npm project into `OUT_DIR/dist` and writes `OUT_DIR/files.rs`, the table of what is
//! there, which `src/lib.rs` includes: debug builds embed too, and no crate is needed for it.
//!
//! `OUT_DIR` and not `web/dist`: cargo holds a lock on its target directory while a build script
//! runs, so two cargos never write one `OUT_DIR` at once, and nothing half-written is ever embedded.
//! Only `node_modules` is shared by all target directories; a lock file guards its installation.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What the bundle is made of, beside everything in `src` that is not Rust.
const SOURCES: [&str; 7] =
    [".npmrc", "graphiql.html", "package-lock.json", "package.json", "tsconfig.json", "vite-gzip.ts", "vite.config.ts"];

/// What `node_modules` is made of.
const MANIFESTS: [&str; 3] = [".npmrc", "package-lock.json", "package.json"];

/// Holds the hash of what `dist` was made from.
const STAMP: &str = ".stamp";

const SKIP: &str = "NUNATAK_SKIP_WEB";

fn main() {
    if let Err(error) = run() {
        // As cargo prints what a failed build script writes to stderr: the sentence, no backtrace.
        eprintln!("\n{error}\n");
        std::process::exit(1);
    }
}

fn run() -> Result {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-env-changed={SKIP}");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // Cargo starts build scripts in their package's directory and sets both variables.
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = out.join("dist");
    if skipped() {
        fresh_directory(&dist)?;
        fs::write(dist.join("graphiql.html"), include_str!("left-out.html"))?;
    } else {
        build(&web, &dist)?;
    }
    fs::write(out.join("files.rs"), table(&dist)?)?;
    Ok(())
}

/// Does nothing when `dist` was made from the very same sources.
fn build(web: &Path, dist: &Path) -> Result {
    let stamp = dist.join(STAMP);
    let sources = hash(web, &sources(web)?)?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    install(web)?;
    fresh_directory(dist)?;
    npm(web, &["run", "build", "--", "--emptyOutDir", "--outDir"], Some(dist))?;
    // Last: a build that was cut off has no stamp and is done again.
    fs::write(&stamp, sources)?;
    Ok(())
}

/// Rust for a slice of `File`, sorted by name.
fn table(dist: &Path) -> Result<String> {
    let mut names: Vec<String> =
        files_below(dist, Path::new(""))?.iter().map(|path| path.to_string_lossy().replace('\\', "/")).collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in names.iter().filter(|name| *name != STAMP && !name.ends_with(".gz")) {
        let etag = format!("{:x}", Sha256::digest(fs::read(dist.join(name))?));
        let gzip = format!("{name}.gz");
        let gzip = if names.contains(&gzip) { format!("Some({})", include(&gzip)) } else { "None".to_owned() };
        writeln!(table, "File {{ name: {name:?}, body: {}, gzip: {gzip}, hash: {:?} }},", include(name), &etag[..32])?;
    }
    table.push(']');
    Ok(table)
}

fn include(name: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))", format!("/dist/{name}"))
}

fn skipped() -> bool {
    env::var(SKIP).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Runs `npm ci` unless what is installed comes from this very lock file.
fn install(web: &Path) -> Result {
    // Dropped, and with it unlocked, when this function returns.
    let lock = fs::File::create(web.join(".npm.lock"))?;
    lock.lock()?;
    let stamp = web.join("node_modules/.nunatak-stamp");
    let manifests: Vec<PathBuf> = MANIFESTS.iter().map(PathBuf::from).collect();
    let wanted = hash(web, &manifests)?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    npm(
        web,
        // Vite is a development dependency, and NODE_ENV=production would leave those out.
        &["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--include=dev"],
        None,
    )?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// Runs npm silently; what it said is shown only when it fails.
fn npm(web: &Path, arguments: &[&str], path: Option<&Path>) -> Result {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let called = format!("npm {}", arguments.first().copied().unwrap_or_default());
    let output = Command::new(program)
        .args(arguments)
        .args(path)
        .current_dir(web)
        .env("NO_COLOR", "1")
        .output()
        .map_err(|error| format!("`{called}` could not be started ({error}). {}", help()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}{}\n`{called}` failed in web/ ({}). {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status,
        help(),
    )
    .into())
}

fn help() -> String {
    format!(
        "The web pages need Node 20.19 or newer and npm: install both, see that `node --version` \
         works, and build again. To build without the web pages set {SKIP}=1."
    )
}

fn fresh_directory(path: &Path) -> Result {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    fs::create_dir_all(path)?;
    Ok(())
}

/// Paths of all sources, relative to `web`, in a fixed order.
fn sources(web: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files_below(web, Path::new("src"))?;
    found.retain(|path| !is_rust_or_test(path));
    found.extend(SOURCES.iter().map(PathBuf::from));
    found.sort();
    Ok(found)
}

/// Paths of all files in `root/start` and deeper, relative to `root`.
fn files_below(root: &Path, start: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![start.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn is_rust_or_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".rs") || name.ends_with(".test.ts") || name.ends_with(".test.tsx")
}

/// One hash over names and contents, each with its length so that no two lists look alike.
fn hash(web: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.to_string_lossy();
        let content = fs::read(web.join(file)).map_err(|error| format!("web/{name}: {error}"))?;
        for part in [name.as_bytes(), &content] {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(format!("{:x}", hasher.finalize()))
}
