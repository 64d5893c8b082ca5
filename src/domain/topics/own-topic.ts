// The topics of the broker itself. Clients cannot publish to $SYS/ at all (`access`), operators not below this prefix,
// so whatever comes there is what the broker says.
import type { TopicFilter } from '../identifiers.js';

export const OWN_TOPICS = '$SYS/broker/';

export const isOwnTopic = (topic: string): boolean => topic.startsWith(OWN_TOPICS);

/** Whether the filter can match such a topic: no wildcard matches its first level [MQTT-4.7.2-1]. */
export const mayMatchOwnTopics = (filter: TopicFilter): boolean => filter.startsWith('$SYS/');
