import { Type } from "@sinclair/typebox";
import { type ActionRow, defineAction } from "./action.ts";
import {
  Count,
  CredentialType,
  Flag,
  MapOrNull,
  OpenObject,
  RequiredCount,
  RequiredList,
  RequiredMap,
  RequiredText,
  Text,
  TextOrNull,
} from "./fields.ts";
import { MessageItem, ResultItem } from "./message-item.ts";

const PROVIDER_BASE = { provider: RequiredText, credentials: MapOrNull, credential_type: CredentialType };
const DATASOURCE_BASE = { ...PROVIDER_BASE, datasource: RequiredText };

const BrowseRequest = OpenObject(
  { bucket: TextOrNull, prefix: Text, max_keys: RequiredCount, next_page_parameters: MapOrNull },
  { default: {} },
);
const DownloadRequest = OpenObject({ bucket: TextOrNull, id: RequiredText }, { default: {} });

/** Clients read `files` as a list. */
const Bucket = OpenObject({
  bucket: TextOrNull,
  files: Type.Array(OpenObject({ id: Text, name: Text, size: Count, type: Text }), { default: [] }),
  is_truncated: Flag,
  next_page_parameters: MapOrNull,
});

/** contract/plugin-wire 4.7, contract/http-api 4.11 */
export const DATASOURCE_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/datasource/validate_credentials",
    type: "datasource",
    action: "validate_datasource_credentials",
    data: OpenObject(PROVIDER_BASE),
    item: ResultItem,
  }),
  defineAction({
    path: "/datasource/get_website_crawl",
    type: "datasource",
    action: "invoke_website_datasource_get_crawl",
    data: OpenObject({ ...DATASOURCE_BASE, datasource_parameters: RequiredMap }),
    item: OpenObject({ result: MapOrNull }),
  }),
  defineAction({
    path: "/datasource/get_online_document_pages",
    type: "datasource",
    action: "invoke_online_document_datasource_get_pages",
    data: OpenObject({ ...DATASOURCE_BASE, datasource_parameters: RequiredMap }),
    item: OpenObject({ result: Type.Array(OpenObject({}), { default: [] }) }),
  }),
  defineAction({
    path: "/datasource/get_online_document_page_content",
    type: "datasource",
    action: "invoke_online_document_datasource_get_page_content",
    data: OpenObject({ ...DATASOURCE_BASE, page: RequiredMap }),
    item: MessageItem,
  }),
  defineAction({
    path: "/datasource/online_drive_browse_files",
    type: "datasource",
    action: "invoke_online_drive_browse_files",
    data: OpenObject({ ...DATASOURCE_BASE, request: BrowseRequest }),
    item: OpenObject({ result: RequiredList(Bucket) }),
  }),
  defineAction({
    path: "/datasource/online_drive_download_file",
    type: "datasource",
    action: "invoke_online_drive_download_file",
    data: OpenObject({ ...DATASOURCE_BASE, request: DownloadRequest }),
    item: MessageItem,
  }),
];
