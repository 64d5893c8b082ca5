// Publishing in the operator's name: no permissions limit it, so it asks first.
import type { Caller } from '../api.js';
import { whole } from '../format.js';
import { act } from '../view/actions.js';
import { Card } from '../view/parts.js';
import { MessageForm } from './console-forms.js';
import type { Draft } from './console-forms.js';

export function OperatorPublish({ caller }: { readonly caller: Caller }) {
  const mayWrite = caller.role === 'write';
  const publish = ({ topic, ...others }: Draft): void => {
    const question = {
      title: `Publish to ${topic}?`,
      text: others.retain
        ? 'Every subscriber gets the message, and it replaces the retained message of the topic.'
        : 'Every subscriber gets the message.',
      action: 'Publish',
      isDanger: false,
    };
    void act(question, 'publish', { topic, ...others }, ({ matched, accepted }) =>
      matched === 0
        ? 'Published. No subscription matches the topic.'
        : `Published. ${whole(matched)} subscriptions match, and ${whole(accepted)} take the message.`,
    );
  };
  return (
    <Card title="Publish as operator">
      <p class="muted">
        {mayWrite
          ? 'Through the administration, without a connection: no permissions limit it, and the log names you.'
          : 'Your token has the role read; this needs write.'}
      </p>
      <MessageForm id="operator" action="Publish as operator" isDisabled={!mayWrite} publish={publish} />
    </Card>
  );
}
