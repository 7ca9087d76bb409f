import peak from "./peak.svg";

/** The mark: a peak that stands out of the ice. The name beside it says the rest. */
export function PeakMark() {
  return <img className="peak-mark" src={peak} alt="" width={28} height={28} />;
}
