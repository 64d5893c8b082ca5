// The properties of a message as the driver stores them: User Properties as pairs of text, so that a document can be
// read without this program.
import { UserProperties } from 'hexmq/ports';
import type { Properties, UserProperty } from 'hexmq/ports';

export type PropertyFields = Omit<Properties, 'userProperties'> & {
  readonly userProperties?: readonly UserProperty[];
};

export function propertyFields({ userProperties, ...others }: Properties): PropertyFields {
  return userProperties === undefined ? others : { ...others, userProperties: [...userProperties] };
}

export function propertiesFrom({ userProperties, ...others }: PropertyFields): Properties {
  return userProperties === undefined ? others : { ...others, userProperties: UserProperties.of(userProperties) };
}
