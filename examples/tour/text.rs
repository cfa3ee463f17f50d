//! Text on the wire: what an encoding lacks, and characters that come in two pieces.

use socketry::{Encoding, UdpEndpoint};

use crate::cli::Outcome;
use crate::endpoints::hexadecimal;
use crate::{LONGEST_WAIT, show};

pub(crate) fn what_gb2312_cannot_say() -> Outcome {
    let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
    let sender = UdpEndpoint::builder().encoding(Encoding::Gb2312).connect(receiver.local_addr())?;
    for text in ["朱镕基", "好😀"] {
        match sender.send(text) {
            Err(error) => show!("{text:?} → {error}")?,
            Ok(()) => show!("{text:?} → sent, which it should not be")?,
        }
    }
    show!("GBK has the first: {}", hexadecimal(&Encoding::Gbk.encode("镕")?))?;
    show!("GB 18030 has both: {}", hexadecimal(&Encoding::Gb18030.encode("镕😀")?))?;
    show!("arrived meanwhile: {}", if receiver.try_recv()?.is_none() { "nothing" } else { "something" })?;
    Ok(())
}

pub(crate) fn a_character_cut_in_two() -> Outcome {
    let receiver =
        UdpEndpoint::builder().encoding(Encoding::Gb2312).read_timeout(LONGEST_WAIT).bind("127.0.0.1:0")?;
    let sender = UdpEndpoint::connect(receiver.local_addr())?;
    let bytes = Encoding::Gb2312.encode("你好")?;
    let (first, second) = bytes.split_at(3);
    sender.send(first)?;
    sender.send(second)?;

    let pieces = [receiver.recv()?, receiver.recv()?];
    for piece in &pieces {
        match piece.text() {
            Ok(text) => show!("{:<8} alone is {text:?}", hexadecimal(piece.bytes()))?,
            Err(error) => show!("{:<8} alone: {error}", hexadecimal(piece.bytes()))?,
        }
    }
    let mut decoder = Encoding::Gb2312.decoder();
    let mut text = String::new();
    for piece in &pieces {
        decoder.decode(piece.bytes(), &mut text)?;
        show!("decoder: {text:?} so far, {} of a character held back", bytes_of(decoder.pending()))?;
    }
    decoder.finish(&mut text)?;
    show!("decoder: {text:?} in the end")?;
    Ok(())
}

fn bytes_of(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}
