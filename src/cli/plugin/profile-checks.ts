/** What is wrong with an answer; undefined where nothing is. */
type Check = (answer: string) => string | undefined;

function matches(pattern: RegExp, words: string): Check {
  return (answer) => (pattern.test(answer) ? undefined : words);
}

/** What the texts of a new plugin have to be like, for its manifest to be accepted (contract/plugin-package 1.5). */
export const PROFILE_CHECKS = [
  {
    flag: "name",
    of: "name",
    check: matches(/^[a-z0-9_-]{1,128}$/, "1 to 128 of a-z, 0-9, - and _ are wanted"),
  },
  {
    flag: "author",
    of: "author",
    check: matches(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, - and _ are wanted"),
  },
  {
    flag: "description",
    of: "description",
    check: (answer: string) => {
      const { length } = Array.from(answer.trim());
      return length === 0 || length > 1023 ? "1 to 1023 characters are wanted" : undefined;
    },
  },
  {
    flag: "repo",
    of: "repo",
    check: matches(
      /^$|^[a-z][a-z0-9+.-]*:\/\/[^/\s]+\S*$/i,
      "a URL such as https://github.com/me/plugin is wanted",
    ),
  },
  {
    flag: "min-dify-version",
    of: "minimumDifyVersion",
    check: matches(/^$|^\d{1,4}(\.\d{1,4}){2}(-\w{1,16})?$/, "a version such as 1.7.0 is wanted"),
  },
] as const satisfies readonly { readonly flag: string; readonly of: string; readonly check: Check }[];
