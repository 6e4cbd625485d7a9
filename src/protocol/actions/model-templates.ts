/** What a rule takes from the template that it names, where it does not say itself. */
export interface ParameterTemplate {
  readonly type: "float" | "int" | "string";
  readonly help: Readonly<Record<string, string>>;
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
  readonly precision?: number;
  readonly options?: readonly string[];
}

const SHARE = { type: "float", min: 0, max: 1, precision: 2 } as const;

/** contract/plugin-package 2.4. A template's own label is never used, so there is none. The words are ours. */
export const PARAMETER_TEMPLATES: ReadonlyMap<string, ParameterTemplate> = new Map<string, ParameterTemplate>(
  [
    [
      "temperature",
      {
        ...SHARE,
        default: 0,
        help: {
          en_US:
            "How much chance takes part in the choice of words: low values repeat themselves, high ones vary.",
          zh_Hans: "控制用词的随机程度：数值低则更稳定，数值高则更多变。",
          ja_JP: "語の選び方のランダムさ。低いと安定し、高いと多様になります。",
          pt_BR:
            "Quanto o acaso influi na escolha das palavras: valores baixos se repetem, valores altos variam.",
        },
      },
    ],
    [
      "top_p",
      {
        ...SHARE,
        default: 1,
        help: {
          en_US: "Only the likeliest words whose chances add up to this share are considered.",
          zh_Hans: "只考虑累计概率达到该比例的最可能的词。",
          ja_JP: "確率の合計がこの割合に達するまでの、可能性の高い語だけを候補にします。",
          pt_BR:
            "Só são consideradas as palavras mais prováveis cuja soma de probabilidades chega a este valor.",
        },
      },
    ],
    [
      "top_k",
      {
        type: "int",
        default: 50,
        min: 1,
        max: 100,
        precision: 0,
        help: {
          en_US: "Only this many of the likeliest words are considered.",
          zh_Hans: "只考虑这么多个最可能的词。",
        },
      },
    ],
    [
      "presence_penalty",
      {
        ...SHARE,
        default: 0,
        help: {
          en_US: "Makes words that already occurred less likely, and new subjects likelier.",
          zh_Hans: "降低已出现的词再次出现的可能，使新话题更容易出现。",
          ja_JP: "すでに現れた語を出にくくし、新しい話題を出やすくします。",
          pt_BR: "Torna menos prováveis as palavras que já ocorreram e mais prováveis os assuntos novos.",
        },
      },
    ],
    [
      "frequency_penalty",
      {
        ...SHARE,
        default: 0,
        help: {
          en_US: "Makes words less likely the more often they occurred.",
          zh_Hans: "词出现得越频繁，再次出现的可能就越低。",
          ja_JP: "多く現れた語ほど出にくくします。",
          pt_BR: "Torna as palavras menos prováveis quanto mais vezes ocorreram.",
        },
      },
    ],
    [
      "max_tokens",
      {
        type: "int",
        default: 64,
        min: 1,
        max: 2048,
        precision: 0,
        help: {
          en_US: "The longest answer, in tokens. Raise it when answers are cut off.",
          zh_Hans: "回答的最大长度（以 token 计）。回答被截断时请调大。",
          ja_JP: "回答の最大の長さ（トークン数）。途中で切れるときは大きくしてください。",
          pt_BR: "O tamanho máximo da resposta, em tokens. Aumente quando as respostas vierem cortadas.",
        },
      },
    ],
    [
      "response_format",
      {
        type: "string",
        options: ["JSON", "XML"],
        help: {
          en_US: "The format that the answer should have.",
          zh_Hans: "回答应采用的格式。",
          ja_JP: "回答の形式。",
          pt_BR: "O formato que a resposta deve ter.",
        },
      },
    ],
    [
      "json_schema",
      {
        type: "string",
        help: {
          en_US: "The JSON Schema that the answer should follow.",
          zh_Hans: "回答应遵循的 JSON Schema。",
        },
      },
    ],
  ],
);
