import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { buildSchema, Kind, parse, validate } from "graphql";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const schema = buildSchema(readFileSync(resolve(root, "schema.graphql"), "utf8"));

/** The GraphQL of a page: what stands between its fences. */
function blocks(page: string): string[] {
  const text = readFileSync(resolve(root, page), "utf8");
  return [...text.matchAll(/^ *```graphql\n([\s\S]*?)^ *```/gm)].map((match) => match[1] ?? "");
}

/** A block that is no operation shows arguments of `versions`. */
function asDocument(block: string): string {
  return /^\s*(query|mutation|subscription|fragment|\{|#)/.test(block)
    ? block
    : `{ versions(${block}) { nodes { id } } }`;
}

const docs = readdirSync(resolve(root, "docs"), { recursive: true, encoding: "utf8" });
const pages = [
  "README.md",
  ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

describe("the pages' GraphQL", () => {
  for (const page of pages) {
    const found = blocks(page);
    if (found.length === 0) continue;
    it(`${page} asks for what the schema has`, () => {
      for (const block of found) {
        const document = parse(asDocument(block));
        // Each operation by itself: a page may name two alike, and an operation has no name when it stands alone.
        const fragments = document.definitions.filter(
          (part) => part.kind === Kind.FRAGMENT_DEFINITION,
        );
        for (const part of document.definitions) {
          if (part.kind !== Kind.OPERATION_DEFINITION) continue;
          const errors = validate(schema, { ...document, definitions: [part, ...fragments] });
          expect(errors.map((error) => `${error.message}\n${block}`)).toEqual([]);
        }
      }
    });
  }

  it("is found", () => {
    expect(pages.flatMap(blocks).length).toBeGreaterThan(20);
  });
});
