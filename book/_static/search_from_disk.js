// The search shows excerpts that it fetches, and a browser fetches nothing from a disk.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
