/**
 * A filter of which one value is chosen, or any.
 */

export interface ChoiceProps {
  name: string;
  value: string;
  values: readonly string[];
  onChange(value: string): void;
}

export function Choice({ name, value, values, onChange }: ChoiceProps) {
  return (
    <label>
      {name}
      <select aria-label={name} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">any</option>
        {values.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
