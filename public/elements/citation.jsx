import { useEffect, useRef } from 'react'
import { ExternalLink, FileText } from 'lucide-react'

/* The source panel: one cited span between its surroundings, three strings cut on the server. */
export default function Citation() {
  const box = useRef(null)
  useEffect(() => {
    const mark = box.current && box.current.querySelector('mark')
    if (mark) mark.scrollIntoView({ block: 'nearest' })
    if (box.current) box.current.focus({ preventScroll: true })
  }, [props.link])

  return (
    <section ref={box} tabIndex={-1} className="citation" aria-label={props.heading} lang={props.readerLang}>
      <p className="citation-heading">{props.heading}</p>
      <h2 className="citation-title" lang={props.lang}>{props.title}</h2>
      <p className="citation-file">
        <FileText size={15} aria-hidden="true" />
        <span>{props.file}</span>
        <span className="citation-language">{props.language}</span>
      </p>
      <blockquote className="citation-text" lang={props.lang}>
        {props.before}
        <mark>
          <span className="only-spoken" lang={props.readerLang}>{props.citedLabel} </span>
          {props.cited}
        </mark>
        {props.after}
      </blockquote>
      {props.translation ? (
        <div className="citation-translation">
          <p className="citation-heading">{props.translationLabel}</p>
          <p>{props.translation}</p>
        </div>
      ) : null}
      <a className="citation-link" href={props.link} target="_blank" rel="noopener noreferrer">
        {props.whole}
        <ExternalLink size={15} aria-hidden="true" />
        <span className="only-spoken"> ({props.newTab})</span>
      </a>
    </section>
  )
}
