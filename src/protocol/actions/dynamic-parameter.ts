import { type ActionRow, defineAction } from "./action.ts";
import { CredentialType, OpenObject, RequiredList, RequiredMap, RequiredText, Text } from "./fields.ts";

const ParameterOption = OpenObject({
  value: RequiredText,
  label: OpenObject({ en_US: RequiredText }),
  icon: Text,
});

/** contract/plugin-wire 4.8. Newer clients' `parameter_values` is forwarded like any key we do not know. */
export const DYNAMIC_PARAMETER_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/dynamic_select/fetch_parameter_options",
    type: "dynamic_parameter",
    action: "fetch_parameter_options",
    data: OpenObject({
      provider: RequiredText,
      provider_action: RequiredText,
      parameter: RequiredText,
      credentials: RequiredMap,
      credential_type: CredentialType,
    }),
    item: OpenObject({ options: RequiredList(ParameterOption) }),
  }),
];
