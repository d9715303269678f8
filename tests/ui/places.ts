// Where things lie in the repository.

/** The pages as they are built into the app. */
export const DIST = new URL("../../ui/dist/", import.meta.url);

/** The app's settings, among them the policy that its pages live under. */
export const CONFIGURATION = new URL("../../tauri.conf.json", import.meta.url);

/** Pictures of every view; not kept in the repository. */
export const ARTIFACTS = new URL("../artifacts/ui/", import.meta.url);
