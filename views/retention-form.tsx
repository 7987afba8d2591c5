/** The form of a clip's retention: which of its snapshots are kept. */
import { formatRetention, type Retention } from '../src/domain/retention.ts';
import { formatCount, formatNumber } from './text.ts';

/** What was typed, whether it can be or not. */
export interface TypedRetention {
  readonly keep: string;
  readonly count: string;
}

const choices = [
  { value: 'all', label: 'All snapshots' },
  { value: 'last', label: 'The newest …' },
  { value: 'days', label: 'Those of the last … days' },
] as const;

function typedOf(retention: Retention): TypedRetention {
  const [keep = 'all', count = ''] = formatRetention(retention).split(':');
  return { keep, count };
}

/** In words, as the fact that it is now. */
function describe(retention: Retention): string {
  if (retention === null) return 'All snapshots are kept.';
  const rule =
    'last' in retention
      ? `the newest ${retention.last === 1 ? 'one' : formatNumber(retention.last)}`
      : `those of the last ${formatCount(retention.days, 'day')}`;
  return `Keeps ${rule}, and the one that the clip shows.`;
}

export interface RetentionFormProps {
  readonly clipId: string;
  readonly retention: Retention;
  /** What was typed, when it was refused; the form is open then. */
  readonly typed?: TypedRetention | undefined;
}

/** Folded away under what holds now. */
export function RetentionForm({ clipId, retention, typed }: RetentionFormProps) {
  const { keep, count } = typed ?? typedOf(retention);
  return (
    <details class="panel retention" open={typed !== undefined}>
      <summary>
        <h2>Retention</h2> <span class="muted">{describe(retention)}</span>
      </summary>
      <form method="post" action={`/clips/${clipId}/retention`}>
        <div class="field">
          <label for="keep">Keep</label>
          <select id="keep" name="keep">
            {choices.map(({ value, label }) => (
              <option value={value} selected={value === keep}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="count">How many</label>
          <input id="count" name="count" type="text" inputmode="numeric" value={count} autocomplete="off" />
        </div>
        <button type="submit">Save</button>
      </form>
      <p class="help">
        What is not kept is removed at once, and after each freeze; its URLs answer 404. The snapshot that the
        clip shows always stays.
      </p>
    </details>
  );
}
