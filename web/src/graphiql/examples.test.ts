import { parse } from "graphql";
import { expect, it } from "vitest";
import { EXAMPLE_TABS } from "./examples.ts";

it("offers examples that are valid GraphQL, with the variables they declare", () => {
  expect(EXAMPLE_TABS).toHaveLength(2);
  for (const { query, variables } of EXAMPLE_TABS) {
    const [operation] = parse(query).definitions;
    if (operation?.kind !== "OperationDefinition") throw new Error("an operation comes first");
    const declared = operation.variableDefinitions?.map(({ variable }) => variable.name.value);
    expect(Object.keys(JSON.parse(variables ?? "{}"))).toEqual(declared ?? []);
  }
});
