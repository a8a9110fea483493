// What this tab and this browser remember. Where storage is forbidden or full, the page's memory takes its
// place. What is read back may be anything: every caller validates it.

function area(name) {
  const unstored = new Map();
  return {
    // -> a string, or null
    get(key) {
      if (unstored.has(key)) return unstored.get(key);
      try {
        return window[name].getItem(key);
      } catch {
        return null;
      }
    },
    // -> does it outlive the page?
    set(key, value) {
      try {
        window[name].setItem(key, value);
        unstored.delete(key);
        return true;
      } catch {
        unstored.set(key, value);
        return false;
      }
    },
    remove(key) {
      unstored.delete(key);
      try {
        window[name].removeItem(key);
      } catch { /* it holds nothing, then */ }
    },
  };
}

export const tab = area("sessionStorage"); // a reload keeps it; a duplicated tab begins with a copy
export const browser = area("localStorage");
