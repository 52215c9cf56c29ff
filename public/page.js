/* What Chainlit's page lacks: names for icon buttons, spoken answers, and a source panel that opens only when asked. */
(() => {
  'use strict'
  const words = JSON.parse(document.getElementById('citewell').textContent)
  const root = document.documentElement
  let lastChip = null

  const NAMES = {
    '#new-chat-button': words.new_chat,
    '#chat-submit': words.send,
    '#stop-button': words.stop,
    '#theme-toggle': words.theme,
    '#chat-profiles': words.style,
    '#chat-input': words.question,
    '#side-view-title > button': words.close,
    '[role="dialog"] > button:has(> .sr-only)': words.dismiss,
    '#chat-settings-open-modal': words.settings,
    '.ai-message .-ml-1\\.5 > button:first-child': words.copy
  }
  const ROLES = {
    '#header': ['banner', 'Citewell'],
    '[data-panel]:not(:has(#side-view-content))': ['main', words.conversation],
    '#side-view-content': ['complementary', words.panel]
  }

  const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value) }

  const nameThings = () => {
    for (const [selector, name] of Object.entries(NAMES)) {
      for (const node of document.querySelectorAll(selector)) set(node, 'aria-label', name)
    }
    for (const [selector, [role, name]] of Object.entries(ROLES)) {
      for (const node of document.querySelectorAll(selector)) { set(node, 'role', role); set(node, 'aria-label', name) }
    }
    for (const chip of document.querySelectorAll('a.element-link')) {
      const number = chip.textContent.replace(/\D/g, '')
      set(chip, 'role', 'button')
      set(chip, 'aria-label', words.chip.replace('{number}', number))
    }
    for (const image of document.querySelectorAll('#welcome-screen img, .ai-message img')) set(image, 'alt', '')
  }

  /* Chainlit's panel dialog points to a heading that bears another id: a screen reader would say nothing, and the
     dialog's own check complains before the name below is there. */
  const find = document.getElementById.bind(document)
  document.getElementById = (id) => find(id) || (String(id).startsWith('radix-') ? names : null)
  const nameDialogs = () => {
    for (const dialog of document.querySelectorAll('[role="dialog"]')) {
      const [label, text] = ['aria-labelledby', 'aria-describedby'].map((name) => dialog.getAttribute(name))
      if (label && !find(label)) names.replaceChildren(named(label, words.panel))
      if (text && !find(text)) dialog.removeAttribute('aria-describedby')
    }
  }
  const names = document.createElement('div')
  names.hidden = true
  document.body.append(names)
  const named = (id, text) => Object.assign(document.createElement('span'), { id, textContent: text })

  /* Chainlit opens the panel by itself when an answer brings sources. Closed again before it is painted. */
  const keepPanelShut = () => {
    if (root.dataset.panel === 'wanted') return
    const content = document.getElementById('side-view-content')
    if (content) closePanel(content)
  }
  const closePanel = (content) => {
    const button = document.querySelector('#side-view-title > button') ||
      content.parentElement.querySelector(':scope > button')
    if (button) button.click()
  }

  document.addEventListener('click', (event) => {
    const chip = event.target.closest && event.target.closest('a.element-link')
    if (!chip) return
    event.preventDefault() // its address is a bare "#"
    lastChip = chip
    root.dataset.panel = 'wanted'
  }, true)

  document.addEventListener('keydown', (event) => {
    const chip = event.target.closest && event.target.closest('a.element-link')
    if (chip && event.key === ' ') { event.preventDefault(); chip.click() }
    const content = document.getElementById('side-view-content')
    if (event.key === 'Escape' && content && content.contains(event.target)) closePanel(content)
  }, true)

  /* Answers are spoken from a region of our own: whole, once, with chips read as sources. */
  const live = document.createElement('div')
  live.id = 'spoken'
  live.className = 'only-spoken'
  set(live, 'role', 'status')
  set(live, 'aria-live', 'polite')
  document.body.append(live)
  const spoken = new WeakSet()

  const speech = (content) => {
    const copy = content.cloneNode(true)
    for (const chip of copy.querySelectorAll('a.element-link')) chip.remove()
    return copy.textContent.replace(/\[\d+\]/g, ' ').replace(/\s+/g, ' ').trim()
  }
  const speakAnswers = () => {
    for (const step of document.querySelectorAll('[data-step-type="assistant_message"]')) {
      const content = step.querySelector('.message-content')
      if (spoken.has(step) || !content || !content.innerText.trim()) continue
      if (document.querySelector('#stop-button')) continue // not whole yet
      spoken.add(step)
      live.textContent = `${words.answer} ${speech(content)}`
    }
  }

  let questions = 0
  const forgetPanelOnQuestion = () => {
    const now = document.querySelectorAll('[data-step-type="user_message"]').length
    if (now > questions) delete root.dataset.panel
    questions = now
  }
  let open = false
  const returnFocus = () => {
    const content = document.getElementById('side-view-content')
    if (open && !content) {
      if (root.dataset.panel === 'wanted' && lastChip && lastChip.isConnected) lastChip.focus()
      delete root.dataset.panel
    }
    open = Boolean(content) && root.dataset.panel === 'wanted'
  }

  /* Chainlit's new conversation is the old one's end on the server; who wants that should find it under its name. */
  let isDeleting = false
  const bin = () => {
    const button = document.createElement('button')
    button.id = 'delete-conversation'
    button.type = 'button'
    button.title = words.delete
    set(button, 'aria-label', words.delete)
    button.innerHTML = '<svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" ' +
      'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M3 6h18M8 6V4h8v2M6 6l1 14h10l1-14M10 11v5M14 11v5"/></svg>'
    button.addEventListener('click', () => { isDeleting = true; document.querySelector('#new-chat-button').click() })
    return button
  }
  const offerDeletion = () => {
    const [button, toggle] = [document.getElementById('delete-conversation'), document.querySelector('#theme-toggle')]
    if (toggle && questions && !button) toggle.before(bin())
    if (button && !questions) {
      button.remove()
      if (isDeleting) live.textContent = words.deleted
      isDeleting = false
    }
  }

  /* A question that was lost on the way has nobody who could answer it: its reader is told, after a while. */
  const lost = document.createElement('div')
  lost.id = 'lost'
  lost.hidden = true
  set(lost, 'role', 'status')
  lost.textContent = words.lost
  document.body.append(lost)
  let waiting = null
  const isUnanswered = () => {
    const steps = document.querySelectorAll('[data-step-type="user_message"], [data-step-type="assistant_message"]')
    return steps.length > 0 && steps[steps.length - 1].dataset.stepType === 'user_message' &&
      !document.querySelector('#stop-button')
  }
  const watchAnswers = () => {
    if (!isUnanswered()) { clearTimeout(waiting); waiting = null; lost.hidden = true; return }
    if (waiting === null) waiting = setTimeout(() => { lost.hidden = !isUnanswered() }, 6000)
  }

  const observe = () => {
    nameDialogs()
    forgetPanelOnQuestion()
    keepPanelShut()
    returnFocus()
    nameThings()
    speakAnswers()
    offerDeletion()
    watchAnswers()
  }
  new MutationObserver(observe).observe(document.body, { childList: true, subtree: true })
  observe()
})()
