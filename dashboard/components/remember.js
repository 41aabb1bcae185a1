// Remembers a value in this browser for the server, which reads it as a cookie when the browser comes back, and names it
// in the page's address, so that the address opens the same elsewhere.

const YEAR = 31_536_000; // seconds

export default function ({ data }) {
  const { cookie, parameter, value, page } = data;
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${cookie}=${encodeURIComponent(value)}; path=/; max-age=${YEAR}; SameSite=Lax${secure}`;
  const url = new URL(window.location.href);
  if (url.pathname !== page || url.searchParams.get(parameter) === value) return;
  url.searchParams.set(parameter, value);
  window.history.replaceState(window.history.state, "", url);
}
