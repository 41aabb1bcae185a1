// Remembers a value in this browser for the server, which reads it as a cookie when the browser comes back.

const YEAR = 31_536_000; // seconds

export default function ({ data }) {
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${data.name}=${encodeURIComponent(data.value)}; path=/; max-age=${YEAR}; SameSite=Lax${secure}`;
}
