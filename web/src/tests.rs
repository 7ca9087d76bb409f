use std::collections::BTreeSet;

use super::*;

fn text(asset: &Asset) -> &'static str {
    std::str::from_utf8(asset.body).expect("text")
}

fn page() -> Asset {
    asset("graphiql").expect("the page is embedded")
}

/// Was this crate built with NUNATAK_SKIP_WEB? Then there is a page and nothing else.
fn left_out() -> bool {
    text(&page()).contains("NUNATAK_SKIP_WEB")
}

/// The embedded files whose names end so, but not the page.
fn assets(extension: &str) -> Vec<(&'static str, Asset)> {
    let files = FILES.iter().filter(|file| file.name.starts_with("assets/") && file.name.ends_with(extension));
    files.map(|file| (file.name, asset(file.name).unwrap_or_else(|| panic!("{} is not served", file.name)))).collect()
}

fn scripts_and_styles() -> Vec<(&'static str, Asset)> {
    [assets(".js"), assets(".css")].concat()
}

/// Values of all `src` and `href` attributes.
fn references(html: &str) -> Vec<&str> {
    [" src=\"", " href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn the_page_is_there_by_each_of_its_names() {
    let page = page();
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    assert!(!page.immutable, "its name holds no hash");
    assert_eq!(page.cache_control(), "no-cache");
    assert!(text(&page).contains("<html lang=\"en\">"));
    assert!(text(&page).contains("<title>Nunatak</title>"));
    for name in ["/graphiql", "graphiql/", "/graphiql/"] {
        assert_eq!(asset(name).as_ref(), Some(&page), "{name}");
    }
}

#[test]
fn the_page_refers_only_to_assets_that_are_there() {
    let page = page();
    let references = references(text(&page));
    if !left_out() {
        assert!(references.len() >= 3, "a script, a style sheet and an icon: {references:?}");
    }
    for reference in references {
        let found = asset(reference).unwrap_or_else(|| panic!("{reference} is not embedded"));
        assert!(found.immutable, "{reference}");
        assert!(!found.body.is_empty(), "{reference}");
    }
}

/// Vite names the files that are loaded later only inside the scripts.
#[test]
fn every_file_that_a_script_or_style_sheet_names_is_there() {
    let names: BTreeSet<String> = FILES.iter().map(|file| file.name.replace("assets/", "")).collect();
    let mut found = 0;
    for (file, source) in scripts_and_styles() {
        for start in ["assets/", "\"./", "`./", "url(./"] {
            for rest in text(&source).split(start).skip(1) {
                let name: String =
                    rest.chars().take_while(|char| char.is_ascii_alphanumeric() || "._-".contains(*char)).collect();
                // `NAME-HASH.EXTENSION`, and the hash may have hyphens of its own; other strings of
                // this form are not file names.
                let hashed = name.rsplit_once('.').is_some_and(|(stem, extension)| {
                    ["css", "js", "svg", "ttf"].contains(&extension)
                        && stem.len().checked_sub(9).is_some_and(|end| stem.as_bytes()[end] == b'-')
                });
                assert!(!hashed || names.contains(&name), "{file} names {name}");
                found += usize::from(hashed);
            }
        }
    }
    assert!(left_out() || found > 10, "only {found}: does Vite write these names otherwise now?");
}

#[test]
fn the_page_asks_no_other_host() {
    let page = page();
    let html = text(&page);
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    for reference in references(html) {
        assert!(reference.starts_with("/assets/"), "{reference}");
    }
    for (file, css) in assets(".css") {
        for remote in ["url(http", "url(\"http", "url('http", "url(//", "@import"] {
            assert!(!text(&css).contains(remote), "{file} has {remote}");
        }
    }
}

#[test]
fn the_page_has_no_inline_script_which_its_policy_would_stop() {
    let page = page();
    for script in text(&page).split("<script").skip(1) {
        let tag = script.split('>').next().unwrap_or_default();
        assert!(tag.contains(" src=\""), "{tag}");
    }
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe-eval"));
}

#[test]
fn large_files_come_compressed_too() {
    for (name, file) in scripts_and_styles() {
        let Some(gzip) = &file.gzip else {
            assert!(file.body.len() < 1024, "{name}");
            continue;
        };
        assert_eq!(gzip[..2], [0x1f, 0x8b], "{name}");
        assert!(gzip.len() < file.body.len(), "{name}");
        assert_ne!(file.etag, file.gzip_etag());
    }
}

#[test]
fn validators_are_quoted_and_tell_files_apart() {
    let files = assets("");
    let etags: BTreeSet<&String> = files.iter().map(|(_, file)| &file.etag).collect();
    assert_eq!(etags.len(), files.len());
    for etag in etags {
        assert!(etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    }
    let page = page();
    assert!(page.gzip_etag().ends_with("-gzip\""), "{}", page.gzip_etag());
}

#[test]
fn the_licences_of_the_packages_come_along() {
    if left_out() {
        return;
    }
    let licences = asset(LICENSES).expect("written by the build");
    assert!(!licences.immutable, "its name holds no hash");
    for package in ["react", "graphiql", "monaco-editor", "graphql-ws"] {
        assert!(text(&licences).contains(package), "{package}");
    }
}

#[test]
fn nothing_else_is_served() {
    for path in ["", "/", "index.html", "graphiql.html", ".stamp", "assets/", "assets/../.stamp"] {
        assert_eq!(asset(path), None, "{path}");
    }
    for file in FILES {
        assert!(file.name == "graphiql.html" || asset(file.name).is_some(), "{}", file.name);
        assert_eq!(asset(&format!("{}.gz", file.name)), None);
    }
}
