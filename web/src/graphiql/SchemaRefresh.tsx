import { useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef } from "react";

/** Reads the schema anew when somebody else is logged in: what one may see can differ. */
export function SchemaRefresh({ userId }: { userId: string | null }) {
  const { introspect } = useGraphiQLActions();
  const seen = useRef(userId);
  useEffect(() => {
    if (seen.current === userId) return;
    seen.current = userId;
    void introspect();
  }, [introspect, userId]);
  return null;
}
