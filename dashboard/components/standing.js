// Sends the epoch of the stage and the page's address to the server, which does not notice the scrubber.

export default function ({ data, setStateValue }) {
  const tell = () => {
    const epoch = window.ganrayEpoch ?? null;
    const view = window.location.search;
    if (data?.epoch !== epoch || data?.view !== view) setStateValue("standing", { epoch, view });
  };
  const moved = ({ detail }) => detail.final && tell();
  window.addEventListener("ganray:epoch", moved);
  tell();
  return () => window.removeEventListener("ganray:epoch", moved);
}
