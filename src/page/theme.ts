/** Light or dark: as the system has it, or as the reader chose, which the browser remembers. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

const KEY = 'ealign-theme';
const CHOICES = ['auto', 'light', 'dark'];

/** The choice, what it comes to, and how to choose. */
export function useTheme(): { choice: string; shown: string; choose: (choice: string) => void } {
  const [choice, choose] = useState(() => {
    const kept = localStorage.getItem(KEY) ?? '';
    return CHOICES.includes(kept) ? kept : 'auto';
  });
  const [system, setSystem] = useState(isDark().matches ? 'dark' : 'light');
  useEffect(() => {
    const query = isDark();
    const look = () => setSystem(query.matches ? 'dark' : 'light');
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  const shown = choice === 'auto' ? system : choice;
  // before the plots are drawn, which take their colours from it
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = shown;
    localStorage.setItem(KEY, choice);
  }, [shown, choice]);
  return { choice, shown, choose };
}

const isDark = () => matchMedia('(prefers-color-scheme: dark)');
