import type { I18n } from "../../protocol/declaration.ts";

/** What a parameter rule takes from the template that it names, where it says nothing itself. */
export interface ParameterRuleTemplate {
  readonly type: string;
  readonly help: I18n;
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
  readonly precision?: number;
  readonly options?: readonly string[];
}

/** The values are the contract's (plugin-package 2.4), the help texts our own. */
export const PARAMETER_RULE_TEMPLATES: ReadonlyMap<string, ParameterRuleTemplate> = new Map([
  [
    "temperature",
    {
      type: "float",
      default: 0,
      min: 0,
      max: 1,
      precision: 2,
      help: {
        en_US:
          "How much chance goes into each word. Low values give steady answers, high values varied ones.",
        ja_JP: "単語を選ぶときの偶然の度合いです。低いと安定した回答に、高いと多様な回答になります。",
        zh_Hans: "选词时随机的程度。数值低则回答稳定，数值高则回答多样。",
        pt_BR: "Quanto acaso entra em cada palavra. Valores baixos dão respostas estáveis; altos, variadas.",
      },
    },
  ],
  [
    "top_p",
    {
      type: "float",
      default: 1,
      min: 0,
      max: 1,
      precision: 2,
      help: {
        en_US: "Only the likeliest words whose probabilities add up to this share are considered.",
        ja_JP: "確率の合計がこの割合に達するまでの、可能性の高い単語だけを候補にします。",
        zh_Hans: "只考虑概率最高、且概率之和达到此比例的词。",
        pt_BR: "Só as palavras mais prováveis, cujas probabilidades somam esta fração, são consideradas.",
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
        en_US: "How many of the likeliest words are considered at each step.",
        zh_Hans: "每一步考虑多少个最可能的词。",
      },
    },
  ],
  [
    "presence_penalty",
    {
      type: "float",
      default: 0,
      min: 0,
      max: 1,
      precision: 2,
      help: {
        en_US: "Makes words that already occurred less likely, however often they did.",
        ja_JP: "すでに現れた単語を、回数に関係なく選ばれにくくします。",
        zh_Hans: "降低已出现过的词再次出现的可能，与出现次数无关。",
        pt_BR: "Torna menos prováveis as palavras que já apareceram, não importa quantas vezes.",
      },
    },
  ],
  [
    "frequency_penalty",
    {
      type: "float",
      default: 0,
      min: 0,
      max: 1,
      precision: 2,
      help: {
        en_US: "Makes words less likely the more often they already occurred.",
        ja_JP: "多く現れた単語ほど、選ばれにくくします。",
        zh_Hans: "词出现得越多，再次出现的可能就越低。",
        pt_BR: "Torna as palavras menos prováveis quanto mais vezes já apareceram.",
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
        en_US: "Longest answer, in tokens. Raise it when answers are cut off.",
        ja_JP: "回答の最大の長さ（トークン数）です。回答が途切れるときは大きくしてください。",
        zh_Hans: "回答的最大长度（以 token 计）。回答被截断时请调大。",
        pt_BR: "Tamanho máximo da resposta, em tokens. Aumente-o se as respostas forem cortadas.",
      },
    },
  ],
  [
    "response_format",
    {
      type: "string",
      options: ["JSON", "XML"],
      help: {
        en_US: "The format that the answer should have, such as JSON or XML.",
        ja_JP: "JSON や XML など、回答の形式です。",
        zh_Hans: "回答应采用的格式，例如 JSON 或 XML。",
        pt_BR: "O formato que a resposta deve ter, como JSON ou XML.",
      },
    },
  ],
  [
    "json_schema",
    {
      type: "string",
      help: {
        en_US: "A JSON schema that the answer should follow.",
        zh_Hans: "回答应遵循的 JSON schema。",
      },
    },
  ],
]);
