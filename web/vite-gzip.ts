import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** What is worth compressing: text. Fonts and pictures in dist are compressed already or tiny. */
const TEXT = /\.(?:css|html|js|json|md|svg|ttf)$/;

/** Below this the gzip frame and the extra header eat what is won. */
const SMALLEST = 1024;

/**
 * Writes `NAME.gz` beside each text file of the bundle, so the server never compresses a file that
 * does not change. `gzipSync` puts no time into the frame: the same input gives the same bytes.
 */
export function gzip(): Plugin {
  return {
    name: "nunatak-gzip",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const file of Object.values(bundle)) {
          if (!TEXT.test(file.fileName)) continue;
          const source = Buffer.from(file.type === "chunk" ? file.code : file.source);
          if (source.byteLength < SMALLEST) continue;
          this.emitFile({
            type: "asset",
            fileName: `${file.fileName}.gz`,
            source: gzipSync(source, { level: 9 }),
          });
        }
      },
    },
  };
}
