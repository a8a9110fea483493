// What this tab and this browser remember. Storage may be forbidden, or full: then it is remembered
// as long as the page stays open. What is read back may be anything; each reader judges it.

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
    // -> will it outlive the page?
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
