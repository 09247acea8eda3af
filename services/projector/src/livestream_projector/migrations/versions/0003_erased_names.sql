-- Display names of messages that are not visible any more: few, and looked for where a channel or user is erased.
CREATE INDEX hidden_channel_names ON messages (channel) WHERE NOT visible AND channel_display_name IS NOT NULL;
CREATE INDEX hidden_user_names ON messages (username) WHERE NOT visible AND user_display_name IS NOT NULL;
