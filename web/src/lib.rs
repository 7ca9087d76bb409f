//! The web pages of Nunatak, embedded in the binary: GraphiQL and all it loads.
//!
//! This crate knows nothing of HTTP servers. [`asset`] gives bytes and what to say about them in
//! the headers; the server decides on routes, and on status 304 for a matching [`Asset::etag`].

/// A row of the table that `build.rs` writes.
struct File {
    name: &'static str,
    body: &'static [u8],
    gzip: Option<&'static [u8]>,
    /// Half of the body's SHA-256, in hexadecimal.
    hash: &'static str,
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The licences of all npm packages in the bundle, as `asset` knows them.
pub const LICENSES: &str = "assets/third-party-licenses.md";

/// A `Content-Security-Policy` under which every page of this crate works.
///
/// Monaco, the editor in GraphiQL, writes `<style>` elements and has icons as `data:` addresses.
/// No page needs `eval`, inline scripts, `blob:` workers or another origin.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; worker-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A file to serve, with what belongs into its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    pub body: &'static [u8],
    /// The same, for clients that accept `Content-Encoding: gzip`; none where it would not pay.
    pub gzip: Option<&'static [u8]>,
    pub content_type: &'static str,
    /// A strong validator of `body`, with its quotation marks. What is sent for `gzip` needs
    /// another one, as HTTP asks for: see [`Asset::gzip_etag`].
    pub etag: String,
    /// The name holds a hash of the content: whoever has it need never ask again.
    pub immutable: bool,
}

impl Asset {
    /// The validator of `gzip`.
    #[must_use]
    pub fn gzip_etag(&self) -> String {
        format!("{}-gzip\"", self.etag.trim_end_matches('"'))
    }

    /// The value for `Cache-Control`.
    #[must_use]
    pub fn cache_control(&self) -> &'static str {
        if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" }
    }
}

/// The file at a path of the site, with or without its leading slash, or none.
///
/// `graphiql` and `graphiql/` are the page, `assets/…` what it loads.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let name = match path.trim_start_matches('/') {
        "graphiql" | "graphiql/" => "graphiql.html",
        name if name.starts_with("assets/") => name,
        _ => return None,
    };
    let content_type = content_type(name)?;
    let file = FILES.iter().find(|file| file.name == name)?;
    Some(Asset {
        body: file.body,
        gzip: file.gzip,
        content_type,
        etag: format!("\"{}\"", file.hash),
        immutable: name.starts_with("assets/") && name != LICENSES,
    })
}

/// `None` for kinds of files that no page has a use for.
fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "md" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
